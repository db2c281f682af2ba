#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What an answer of the server may take in memory, however it is made (design 6).

load lib/helpers
load lib/answers

setup_file() {
    suite_setup
    sandbox_start sample
}

LINKS=acme/dataset/collections/links/versions/v0/files

# The most memory that the daemon has had, in MiB.
peak() {
    awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$PID/status"
}

# bats test_tags=bound
@test "a manifest of empty objects: it is read, or refused, within a few times its text" {
    local place
    for place in '"x": %s' '"x": {"digest": "x", "extra": %s}' '"x": {"digest": %s}' '"x": {"digest": "x"}}, "other": {"y": %s'; do
        control DELETE /faults >/dev/null
        answer_manifest_bomb "$place"
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
    answer_query_bomb 12
    before=$(peak)
    run ! ls "$MNT/acme"
    [[ $output == *"Input/output error"* ]]
    [[ $(($(peak) - before)) -le 48 ]] || fail "$(($(peak) - before)) MiB"
    grep -q 'more memory than an answer may' "$MNT/.registryfs/errors"
    # It is a failure like any other.
    control DELETE /faults >/dev/null
    eventually 60 ls "$MNT/acme/model"
}

# bats test_tags=bound
@test "the same, little in a small address space: no end of the mount" {
    answer_query_bomb 60
    ulimit -v 2000000
    mount_start --no-cache
    run ! ls "$MNT/acme"
    control DELETE /faults >/dev/null
    eventually 60 ls "$MNT/acme/model"
}

# bats test_tags=bound
@test "200,000 references in less than 120 MiB" {
    references_seed >seed.json
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
