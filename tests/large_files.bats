#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Many files, and large ones (design 6): requests, bytes fetched, memory.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 \
        --param files=10000 --param file_bytes=40 --param big_bytes=1073741824
}

setup() {
    test_setup
    export FILES=large/r0/collections/c0/versions/v0/files
}

teardown() {
    local authorized=0
    authorized=$(control GET /counts | jq .storage.authorized) || true
    test_teardown && [[ $authorized == 0 ]]
}

storage_count() {
    control GET /counts | jq ".storage.$1"
}

# The hash of big.bin, as the server computes it.
big_hash() {
    control GET /state | jq -r '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == "big.bin").sha256'
}

@test "10,000 files in nested folders: one request a page, all bytes right" {
    mount_start --ttl 600
    stat "$MNT/large/r0/collections/c0/versions/v0" >/dev/null
    reset_counts
    run -0 bash -c "find '$MNT/$FILES' -type f | wc -l"
    [[ $output == 10001 ]]
    [[ $(operation_count ArtifactMembershipFiles) == 11 ]]
    assert_requests 11
    # Once is enough for all of them.
    local folders=10
    [[ $REGISTRYFS != */asan/* ]] || folders=1
    seq -f "$MNT/$FILES/d%g" 0 $((folders - 1)) | xargs cp -r -t "$TEST_DIR"
    assert_requests 11
    [[ $(storage_count gets) == $((folders * 1000)) ]]
    # The texts say which file they are of: "1234 1234 ...".
    run -0 python3 - "$TEST_DIR" $((folders * 1000)) <<'PYTHON'
import sys
for i in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/d{i // 1000}/s{i // 100 % 10}/f{i:06}.bin") as stream:
        assert stream.read() == (f"{i} " * 40)[:40], i
PYTHON
}

@test "one file of 10,000 is looked up without a listing" {
    mount_start --ttl 600
    stat "$MNT/large/r0/collections/c0/versions/v0" >/dev/null
    reset_counts
    head -c 1 "$MNT/$FILES/big.bin" >/dev/null
    assert_requests 1
    [[ $(storage_count gets) == 1 ]]
}

@test "random reads fetch less than 5 % of a large file" {
    mount_start
    stat "$MNT/$FILES/big.bin" >/dev/null
    reset_counts
    run -0 python3 -c 'import os, random, sys
random.seed(7)
fd = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
print(sum(len(os.pread(fd, 4096, random.randrange(262144) * 4096)) for _ in range(1000)))' "$MNT/$FILES/big.bin"
    [[ $output == 4096000 ]]
    [[ $(storage_count bytes) -lt 53687091 ]]
}

# The long form reads on for a minute: EXPIRY_SECONDS=60.
@test "URLs that live for 2 s are renewed while a long read goes on" {
    local seconds=${EXPIRY_SECONDS:-8} size=$((160 << 20))
    control POST /url_life '{"seconds": 2}' >/dev/null
    mount_start --no-cache
    stat "$MNT/$FILES/big.bin" >/dev/null
    reset_counts
    run -0 python3 - "$MNT/$FILES/big.bin" "$size" "$seconds" <<'PYTHON'
import hashlib, sys, time
path, size, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
digest = hashlib.sha256()
with open(path, "rb", buffering=0) as stream:
    for at in range(0, size, 1 << 20):
        digest.update(stream.read(1 << 20))
        time.sleep(seconds / (size >> 20))
print(digest.hexdigest())
PYTHON
    # Refused by the storage, then asked for anew: about every 2 s, or one read ahead has it all.
    [[ $(storage_count denied) -gt 1 ]]
    [[ $(graphql_count) -gt 1 ]]
    control POST /url_life '{"seconds": 3600}' >/dev/null
    [[ $output == "$(head -c "$size" "$MNT/$FILES/big.bin" | sha256sum | cut -d ' ' -f 1)" ]]
    [[ $(find "$MNT/.registryfs/errors" -size 0) ]]
}

@test "16 readers of one file fetch it once" {
    mount_start
    local hash pids=() i
    hash=$(big_hash)
    stat "$MNT/$FILES/big.bin" >/dev/null
    reset_counts
    for i in {1..16}; do
        sha256sum "$MNT/$FILES/big.bin" >"$TEST_DIR/sum.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    [[ $(cut -d ' ' -f 1 "$TEST_DIR"/sum.* | sort -u) == "$hash" ]]
    [[ $(storage_count bytes) == 1073741824 ]]
    # AddressSanitizer keeps freed memory: a bound says nothing there.
    [[ $REGISTRYFS == */asan/* ]] || [[ $(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status") -lt 307200 ]]
}

@test "a model written by numpy is loaded from the mount" {
    python3 -c 'import numpy' 2>/dev/null || PYTHON=/usr/bin/python3
    "${PYTHON:-python3}" - "$TEST_DIR" <<'PYTHON'
import json, sys
import numpy
weights = numpy.arange(3_000_000, dtype=numpy.float32).reshape(1000, 3000)
numpy.save(sys.argv[1] + "/weights.npy", weights)
numpy.savez(sys.argv[1] + "/model.npz", weights=weights, bias=weights[0])
PYTHON
    jq -n --arg key "$WANDB_API_KEY" --rawfile weights <(base64 -w 0 "$TEST_DIR/weights.npy") --rawfile model <(base64 -w 0 "$TEST_DIR/model.npz") \
        '{users: [{username: "ada", key: $key, organizations: {o: "admin"}}],
          organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: [{path: "weights.npy", base64: $weights},
                                            {path: "model.npz", base64: $model}]}]}]}]}]}' >"$TEST_DIR/seed.json"
    sandbox_start "$TEST_DIR/seed.json"
    mount_start
    run -0 "${PYTHON:-python3}" - "$MNT/o/r/collections/c/versions/v0/files" <<'PYTHON'
import sys
import numpy
mapped = numpy.load(sys.argv[1] + "/weights.npy", mmap_mode="r")
assert mapped.shape == (1000, 3000) and float(mapped[500, 7]) == 500 * 3000 + 7
assert (mapped == numpy.arange(3_000_000, dtype=numpy.float32).reshape(1000, 3000)).all()
with numpy.load(sys.argv[1] + "/model.npz") as model:
    assert (model["bias"] == mapped[0]).all() and (model["weights"] == mapped).all()
PYTHON
}
