#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What an answer of the server may take in memory, however it is made (design 6).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

LINKS=acme/dataset/collections/links/versions/v0/files

# The most memory that the daemon has had, in MiB.
peak() {
    awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$PID/status"
}

# answer TARGET OPERATION FILE [HEADERS]: the body that is answered instead.
answer() {
    jq -n --arg target "$1" --arg operation "$2" --rawfile body <(base64 -w0 "$3") --argjson headers "${4:-null}" \
        '{target: $target, operation: $operation, kind: "status", status: 200, times: -1,
          body_base64: $body, headers: $headers}' >fault.json
    curl -sS --fail-with-body --max-time 60 -H 'Content-Type: application/json' --data-binary @fault.json \
        "$CONTROL_URL/faults" >/dev/null
}

# bomb MIB: a list of empty objects.
bomb() {
    python3 -c 'import sys; n = int(sys.argv[1]) << 20; sys.stdout.write("[" + ",".join(["{}"] * (n // 3)) + "]")' "$1"
}

# bats test_tags=bound
@test "a manifest of empty objects: it is read, or refused, within a few times its text" {
    local place
    for place in '"x": %s' '"x": {"digest": "x", "extra": %s}' '"x": {"digest": %s}' '"x": {"digest": "x"}}, "other": {"y": %s'; do
        { printf '{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": {'
            # shellcheck disable=SC2059
            printf "${place%%%s*}"
            bomb 12
            printf '%s}}' "${place##*%s}"; } >bomb.json
        control DELETE /faults >/dev/null
        # The control port takes 16 MiB: gzip-encoded the bomb is small.
        gzip -1 -c bomb.json >bomb.gz
        answer storage wandb_manifest.json bomb.gz '{"content-encoding": "gzip"}'
        mount_start --no-cache
        local before
        before=$(peak)
        ls "$MNT/$LINKS/" || true
        [[ $(($(peak) - before)) -le 48 ]] || fail "$place: $(($(peak) - before)) MiB"
        mount_stop
    done
}

# bats test_tags=bound
@test "an answer to a query of empty objects is refused" {
    mount_start --no-cache
    local before
    { printf '{"data": {"organization": {"orgEntity": {"projects": {"pageInfo": {"hasNextPage": false}, "edges": '
        bomb 12
        printf '}}}}}'; } >bomb.json
    gzip -9 -c bomb.json >bomb.gz
    answer graphql FetchRegistries bomb.gz '{"content-encoding": "gzip"}'
    before=$(peak)
    run ! ls "$MNT/acme"
    [[ $output == *"Input/output error"* ]]
    [[ $(($(peak) - before)) -le 48 ]] || fail "$(($(peak) - before)) MiB"
    grep -q 'more memory than an answer may' "$MNT/.registryfs/errors"
    # It is a failure like any other.
    control DELETE /faults >/dev/null
    eventually 20 ls "$MNT/acme/model"
}

# bats test_tags=bound
@test "the same, little in a small address space: no end of the mount" {
    { printf '{"data": {"organization": {"orgEntity": {"projects": {"pageInfo": {"hasNextPage": false}, "edges": '
        bomb 60
        printf '}}}}}'; } >bomb.json
    gzip -9 -c bomb.json >bomb.gz
    answer graphql FetchRegistries bomb.gz '{"content-encoding": "gzip"}'
    ulimit -v 2000000
    mount_start --no-cache
    run ! ls "$MNT/acme"
    control DELETE /faults >/dev/null
    eventually 20 ls "$MNT/acme/model"
}

# bats test_tags=bound
@test "200,000 references in less than 120 MiB" {
    jq -nc --arg key "$WANDB_API_KEY" '{users: [{username: "ada", key: $key, organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: [range(200000) | {path: "part-\(.)/file-\(.).parquet",
                ref: "s3://bucket/folder/part-\(.)/file-\(.).parquet", size: ., digest: "d41d8cd98f00b204e9800998ecf8427e-\(.)",
                extra: {etag: "d41d8cd98f00b204e9800998ecf8427e-\(.)", versionID: "3sL4kqtJlcpXroDTDmJ"}}]}]}]}]}]}' >seed.json
    sandbox_start "$TEST_DIR/seed.json"
    mount_start --no-cache --ttl 600 --timeout 60
    local files=$MNT/o/r/collections/c/versions/v0/files
    eventually 90 stat "$files"
    ls -f "$files" | grep -c ^part- >count.txt
    assert_equal "$(cat count.txt)" 200000
    run -0 getfattr --absolute-names --only-values -n user.registryfs.ref "$files/part-77777/file-77777.parquet"
    assert_equal "$output" s3://bucket/folder/part-77777/file-77777.parquet
    [[ $(peak) -lt 120 ]] || fail "$(peak) MiB"
}
