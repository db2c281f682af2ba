#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Stores with habits of their own, and stores that do not answer (design 5 and 6).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 --param files=66 \
        --param file_bytes=300000
    control GET /state | jq -r '.organizations[0].registries[0].collections[0].versions[0].files[] | .md5' >"$SUITE_DIR/sums"
}

teardown() {
    control POST /storage '{}' >/dev/null || true
    test_teardown
}

FILES=large/r0/collections/c0/versions/v0/files

# assert_right N: file number N has its bytes.
assert_right() {
    local path
    path=$(printf '%s/d0/s0/f%06d.bin' "$MNT/$FILES" "$1")
    [[ $(md5sum <"$path") == "$(sed -n "$(($1 + 1))p" "$SUITE_DIR/sums")  -" ]]
}

figure() {
    sed -n "s/^$1: //p" "$MNT/.registryfs/status"
}

storage_count() {
    control GET /counts | jq ".storage.$1"
}

store() {
    control POST /storage "$1" >/dev/null
}

@test "twin: an ordinary store" {
    mount_start --no-cache
    assert_right 1
    [[ $(storage_count gets) -gt 0 && $(figure retries) == 0 ]]
}

@test "a store that sends less than was asked for makes progress, and no pauses" {
    store '{"most_bytes": 4096}'
    mount_start --no-cache
    reset_counts
    assert_right 1
    assert_equal "$(figure retries)" 0
    [[ $(storage_count gets) -ge 74 ]]
    [[ $(control GET /counts | jq .artifacts) == 0 ]]
}

@test "Content-Range in another spelling" {
    local unit
    for unit in Bytes BYTES; do
        store "{\"range_unit\": \"$unit\"}"
        mount_start --no-cache
        assert_right 2
        assert_equal "$(figure retries)" 0
        mount_stop
    done
}

@test "a raw blank in a signed URL" {
    store '{"blank": true}'
    mount_start --no-cache
    reset_counts
    assert_right 3
    [[ $(storage_count gets) -gt 0 && $(storage_count denied) == 0 ]]
    [[ $(control GET /counts | jq .artifacts) == 0 ]]
}

@test "user information in a signed URL is used there and nowhere else" {
    store '{"user_info": "reader:p%40ss%20word"}'
    mount_start --no-cache --log-level debug
    reset_counts
    assert_right 4
    [[ $(storage_count gets) -gt 0 && $(storage_count authorized) == 0 ]]
    [[ $(control GET /counts | jq .artifacts) == 0 ]]
    run ! grep -rq 'p@ss\|p%40ss' "$LOG" "$MNT/.registryfs/errors"
    # Not even the same store gets it where a redirect leads.
    control POST /faults '{"target": "storage", "kind": "redirect", "to": "other_host", "times": 1}' >/dev/null
    reset_counts
    assert_right 5
    [[ $(control GET "/requests?last=9&target=storage" |
        jq '[.[] | select(.headers.host | startswith("localhost")) | .headers.authorization_scheme] | map(select(.)) | length') == 0 ]]
}

# urls URL: the signed URLs lead there.
urls() {
    local operation path
    for operation in ArtifactMembershipFile ArtifactMembershipFiles; do
        path='["project", "artifactCollection", "artifactMembership", "files", "edges", "*", "node", "directUrl"]'
        control POST /faults "{\"operation\": \"$operation\", \"kind\": \"set_at\", \"times\": -1, \"path\": $path,
            \"value\": \"$1\"}" >/dev/null
    done
    path='["project", "artifactCollectionMembership", "files", "edges", "*", "node", "directUrl"]'
    control POST /faults "{\"operation\": \"ArtifactMembershipWithFiles\", \"kind\": \"set_at\", \"times\": -1,
        \"path\": $path, \"value\": \"$1\"}" >/dev/null
}

@test "a store that cannot be reached is found out once, and then left alone for a while" {
    urls 'http://127.0.0.1:1/file'
    mount_start --no-cache
    reset_counts
    assert_right 0
    local before
    before=$(figure requests)
    assert_right 1
    assert_right 2
    # One request of the W&B host a range; of the store, as a probe, one now and then.
    [[ $(($(figure requests) - before)) -le $(($(control GET /counts | jq '.artifacts + .graphql') + 1)) ]]
}

@test "a store that is silent likewise; when it is well again it is used again" {
    control POST /faults '{"target": "storage", "operation": "d0*", "kind": "hang", "times": -1}' >/dev/null
    mount_start --no-cache
    reset_counts
    assert_right 0
    local gets
    gets=$(storage_count gets)
    assert_right 1
    assert_right 2
    [[ $(storage_count gets) -le $((gets + 2)) ]]
    control DELETE /faults >/dev/null
    # A file for each try, never read before: what the kernel keeps asks nobody.
    local next=3 wrong=0
    gets=$(storage_count gets)
    used_again() {
        sleep 1
        assert_right $((next++)) || wrong=1
        [[ $(storage_count gets) -gt $gets ]]
    }
    eventually 60 used_again
    assert_equal "$wrong" 0
}
