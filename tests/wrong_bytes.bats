#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Bytes that do not have their file's digest (design 6): never returned as success once that is known, from nowhere.
# ROUNDS=50 LARGE_ROUNDS=10 makes the loops long, LARGE_BYTES=1073741824 the large files larger.

load lib/helpers

setup_file() {
    suite_setup
    local rounds=${ROUNDS:-8} large=${LARGE_ROUNDS:-1} bytes=${LARGE_BYTES:-69000000}
    jq -n --arg key 0123456789abcdef0123456789abcdef01234567 --argjson rounds "$rounds" --argjson large "$large" \
        --argjson bytes "$bytes" '
        def version(name; count; size): {name: name, versions: [{files:
            [range(count) | {path: "f\(.).bin", random: {seed: (. + size), size: size}}]}]};
        {users: [{username: "ada", key: $key, organizations: {o: "admin"}}],
         organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            version("small"; $rounds; 700000), version("middle"; $rounds; 3000000),
            version("large"; $large + 3; $bytes), version("own"; 12; 3000000)]}]}]}' >"$SUITE_DIR/seed.json"
    sandbox_start "$SUITE_DIR/seed.json"
}

# The folder of a collection's files in the latest mount.
folder() {
    printf '%s/o/r/collections/%s/versions/v0/files\n' "$MNT" "$1"
}

# The files of a collection, as the server has them: one in a line.
files_of() {
    control GET /state | jq -c --arg name "$1" '.organizations[0].registries[0].collections[]
        | select(.name == $name).versions[0].files[]'
}

sha256_of() {
    files_of "$1" | jq -r --arg path "$2" 'select(.path == $path).sha256'
}

corrupt_once() {
    fault wrong_bytes target '"storage"' times 1 count 1 offset "$1"
}

sha256() {
    sha256sum | cut -d ' ' -f 1
}

# Reading the whole file is EIO.
refuses() {
    run -1 --separate-stderr bash -c 'cat "$1" >/dev/null' -- "$1"
    [[ $stderr == *'Input/output error'* ]]
}

# Eight readers at once, each file wrong in its own way.
stress() {
    local collection=$1
    shift
    run -0 python3 "$BATS_TEST_DIRNAME/lib/wrong_bytes.py" 8 "$@" < <(files_of "$collection")
    printf '%s\n' "$output"
    # Most readers came to the right bytes, some met the fault.
    [[ $output == *' right'* ]]
}

@test "many readers of small files" { mount_start && stress small "$(folder small)"; }
@test "many readers" {
    mount_start
    stress middle "$(folder middle)"
    grep -q 'does not have the digest' "$MNT/.registryfs/errors"
}
@test "many readers without a cache" { mount_start --no-cache && stress middle "$(folder middle)"; }
@test "many readers through two mounts with one cache" {
    mount_start
    local first
    first=$(folder middle)
    mount_start
    stress middle "$first" "$(folder middle)"
}

@test "twin: no fault, no complaint" {
    mount_start
    [[ $(sha256 <"$(folder own)/f0.bin") == "$(sha256_of own f0.bin)" ]]
    [[ ! -s $MNT/.registryfs/errors ]]
    [[ $(status_value content_unchecked) == 0 ]]
}

# What two handles say that were open when the content was read, and a third that is opened then, by read and by mmap.
handles() {
    python3 - "$1" <<'PYTHON'
import hashlib, mmap, os, sys
def read(descriptor):
    digest = hashlib.sha256()
    try:
        while piece := os.read(descriptor, 1 << 17):
            digest.update(piece)
    except OSError as error:
        return os.strerror(error.errno)
    return digest.hexdigest()
size = os.stat(sys.argv[1]).st_size
a, b, c = (os.open(sys.argv[1], os.O_RDONLY) for _ in range(3))
os.pread(c, 4096, 0)
print("a", read(a))
print("b", read(b))
d = os.open(sys.argv[1], os.O_RDONLY)
with mmap.mmap(d, size, prot=mmap.PROT_READ) as content:
    print("mmap", hashlib.sha256(content).hexdigest())
print("d", read(d))
# Right bytes are in the kernel now, for others than the one that had begun before.
print("c", read(c))
print("size", os.fstat(c).st_size)
PYTHON
}

# The first content is read wrong; all who have it open fail, later ones are right.
assert_handles_fail() {
    local hash
    hash=$(sha256_of own "$1")
    stat "$(folder own)/$1" >/dev/null
    corrupt_once 70000
    run -0 handles "$(folder own)/$1"
    control DELETE /faults >/dev/null
    diff <(printf '%s\n' "$output") - <<EXPECTED
a Input/output error
b Input/output error
mmap $hash
d $hash
c Input/output error
size 3000000
EXPECTED
    grep -q "does not have the digest" "$MNT/.registryfs/errors"
}

@test "handles that were open when a content turned out wrong fail, later ones are right" {
    mount_start
    assert_handles_fail f1.bin
}

@test "… without a cache, too" {
    mount_start --no-cache
    assert_handles_fail f2.bin
}

@test "twin: handles of a right content" {
    mount_start
    local hash
    hash=$(sha256_of own f3.bin)
    run -0 handles "$(folder own)/f3.bin"
    diff <(printf '%s\n' "$output") - <<EXPECTED
a $hash
b $hash
mmap $hash
d $hash
c $hash
size 3000000
EXPECTED
}

@test "what one reader has left in the kernel is part of what the next one reads" {
    mount_start --no-cache
    local file
    file=$(folder own)/f4.bin
    stat "$file" >/dev/null
    corrupt_once 70000
    head -c 200000 "$file" >/dev/null
    control DELETE /faults >/dev/null
    # EIO, or it was found out before this open.
    if cat "$file" >"$TEST_DIR/copy"; then
        [[ $(sha256 <"$TEST_DIR/copy") == "$(sha256_of own f4.bin)" ]]
    fi
    [[ $(sha256 <"$file") == "$(sha256_of own f4.bin)" ]]
}

@test "twin: what was read before is not fetched again for the hash" {
    mount_start --no-cache
    local file opened
    file=$(folder own)/f5.bin
    # Kept open: what is on its way when the last one closes is given up.
    exec {opened}<"$file"
    head -c 200000 <&"$opened" >/dev/null
    [[ $(sha256 <"$file") == "$(sha256_of own f5.bin)" ]]
    [[ $(sha256 <"$file") == "$(sha256_of own f5.bin)" ]]
    [[ $(status_value content_from_network) == 3000000 ]]
    [[ $(status_value content_unchecked) == 0 ]]
    exec {opened}<&-
}

@test "a file of 69 MB is not shown to its end before its digest is right" {
    local way options=() number=0
    for way in read mmap; do
        for options in --ro --no-cache; do
            mount_start "$options"
            local file hash
            file=$(folder large)/f$((number++ % 2)).bin
            hash=$(sha256_of large "${file##*/}")
            rm -rf "$XDG_CACHE_HOME"
            stat "$file" >/dev/null
            fault wrong_bytes target '"storage"' times 1 after 5 count 1 offset 70000
            if [[ $way == read ]]; then
                refuses "$file"
            else
                run python3 -c 'import hashlib, mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
    print(hashlib.sha256(content).hexdigest())' "$file"
                [[ $status != 0 ]]
            fi
            [[ $(control GET /faults | jq '.[0].hits') == 1 ]]
            control DELETE /faults >/dev/null
            [[ $(sha256 <"$file") == "$hash" ]]
            mount_stop
        done
    done
}

@test "verify=late shows a file of 69 MB first and fails those who have it open afterwards" {
    mount_start -o verify=late
    local file
    file=$(folder large)/f2.bin
    stat "$file" >/dev/null
    fault wrong_bytes target '"storage"' times 1 after 5 count 1 offset 70000
    exec {descriptor}<"$file"
    # Unless the hash is faster.
    [[ $(sha256 <&"$descriptor" || true) != "$(sha256_of large f2.bin)" ]]
    control DELETE /faults >/dev/null
    eventually 60 grep -q 'does not have the digest' "$MNT/.registryfs/errors"
    exec {descriptor}<&-
    [[ $(sha256 <"$file") == "$(sha256_of large f2.bin)" ]]
}

@test "many readers of 69 MB" {
    mount_start
    stress large "$(folder large)"
}

@test "parts that are read in no order are shown, and counted" {
    mount_start --no-cache
    dd if="$(folder own)/f6.bin" of=/dev/null bs=4096 skip=500 count=1 status=none
    [[ $(status_value content_unchecked) -ge 4096 ]]
    local unchecked
    unchecked=$(status_value content_unchecked)
    # What is read whole adds nothing.
    [[ $(sha256 <"$(folder own)/f6.bin") == "$(sha256_of own f6.bin)" ]]
    [[ $(status_value content_unchecked) == "$unchecked" ]]
}

@test "no bytes with the digest of something are a mismatch" {
    mount_start
    local folder
    folder=$(folder own)
    fault set_at operation '"ArtifactMembershipFile*"' value 0 \
        path '["project", "artifactCollection", "artifactMembership", "files", "edges", "*", "node", "sizeBytes"]'
    fault set_at operation '"ArtifactMembershipWithFiles"' value 0 \
        path '["project", "artifactCollectionMembership", "files", "edges", "*", "node", "sizeBytes"]'
    refuses "$folder/f7.bin"
}
