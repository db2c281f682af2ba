#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# How much a command may cost (design 6), by the sandbox's own count; each on a cold mount.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start paging
}

# pages N: requests that N entries take.
pages() {
    printf '%s\n' "$((($1 + 99) / 100))"
}

# The organization with the most registries, and how many there are.
largest() {
    control GET /state | jq -r '[.organizations[] | {name, count: (.registries | length)}]
        | max_by(.count) | "\(.name)\t\(.count)"'
}

# path, collections, versions: the registry with the most of them.
largest_registry() {
    control GET /state | jq -r --arg kind "$1" '[.organizations[] | .name as $o | .registries[]
        | select(.name | startswith("wandb-registry-"))
        | {path: ($o + "/" + (.name | ltrimstr("wandb-registry-"))),
           collections: (.collections | length), versions: ([.collections[].versions | length] | add // 0)}]
        | max_by(.[$kind]) | "\(.path)\t\(.collections)\t\(.versions)"'
}

cold_mount() {
    mount_start --ttl 600
    reset_counts
}

@test "mount: 2 requests" {
    mount_start
    assert_requests_at_most 2
}

@test "the root: the chain of protocol 3.3, once" {
    cold_mount
    ls -l "$MNT" >/dev/null
    assert_requests_at_most 8
    reset_counts
    ls -l "$MNT" >/dev/null
    assert_requests 0
}

@test "ls ORG: one request a page and 2" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    [[ $count -ge 250 ]]
    cold_mount
    ls "$MNT/$name" >/dev/null
    assert_requests_at_most $(($(pages "$count") + 2))
}

@test "ls -l ORG costs what ls costs, cat of every description after it nothing" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    cold_mount
    ls -l "$MNT/$name" >/dev/null
    assert_requests_at_most $(($(pages "$count") + 2))
    reset_counts
    cat "$MNT/$name"/*/description "$MNT/$name"/*/visibility "$MNT/$name"/*/updated_at >/dev/null
    assert_requests 0
}

@test "ls -l of the registries' own directories after ls ORG: nothing" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    cold_mount
    ls "$MNT/$name" >/dev/null
    reset_counts
    ls -ld "$MNT/$name"/* >/dev/null
    find "$MNT/$name" -maxdepth 1 -printf '%s %T@\n' >/dev/null
    assert_requests 0
}

@test "ls -l collections: one request a page and 2" {
    local path collections versions
    IFS=$'\t' read -r path collections versions < <(largest_registry collections)
    [[ $collections -ge 250 ]]
    cold_mount
    ls -l "$MNT/$path/collections" >/dev/null
    assert_requests_at_most $(($(pages "$collections") + 2))
    reset_counts
    cat "$MNT/$path/collections"/*/description >/dev/null
    assert_requests 0
}

@test "ls -l of one collection's versions and aliases: one request a page and 3" {
    local path collections versions collection
    IFS=$'\t' read -r path collections versions < <(largest_registry versions)
    [[ $versions -ge 250 ]]
    mount_start
    collection=$(find "$MNT/$path/versions" -type l -printf '%f\n' | sed 's/:v[0-9]*$//' |
        sort | uniq -c | sort -n | tail -n 1 | awk '{ print $2 }')
    mount_stop
    cold_mount
    ls -l "$MNT/$path/collections/$collection/versions" >/dev/null
    ls -l "$MNT/$path/collections/$collection/aliases" >/dev/null
    assert_requests_at_most $(($(pages "$versions") + 3))
    reset_counts
    cat "$MNT/$path/collections/$collection/versions"/*/metadata.json >/dev/null
    assert_requests 0
}

@test "find of a registry: one listing of its collections, one of all its versions" {
    local kind path collections versions
    for kind in collections versions; do
        IFS=$'\t' read -r path collections versions < <(largest_registry $kind)
        cold_mount
        find "$MNT/$path" -path '*/files' -prune -o -print >/dev/null
        assert_requests_at_most $(($(pages "$collections") + $(pages "$versions") + 4))
        reset_counts
        find "$MNT/$path" -path '*/files' -prune -o -print >/dev/null
        assert_requests 0
        mount_stop
    done
}

@test "a known path costs the same however much there is beside it" {
    local path collections versions target
    IFS=$'\t' read -r path collections versions < <(largest_registry versions)
    mount_start
    target=$(find "$MNT/$path/collections" -path '*/aliases/latest' -printf '%P\n' -quit)
    mount_stop
    cold_mount
    cat "$MNT/$path/collections/$target/digest" >/dev/null
    assert_requests_at_most 4
    reset_counts
    cat "$MNT/$path/collections/$target/digest" >/dev/null
    cat "$MNT/$path/collections/$target/metadata.json" >/dev/null
    assert_requests 0
}

# Requests of all kinds: each of them was waited for.
round_trips() {
    control GET /counts | jq '.graphql + .storage.gets + .artifacts'
}

@test "a file below an alias, mount included: 6 round trips" {
    sandbox_start sample
    mount_start
    cat "$MNT/acme/model/collections/churn/aliases/production/files/config.json" >/dev/null
    [[ $(round_trips) -le 6 ]] || fail "$(control GET /counts)"
}

# older FILES [FAULT]: requests for a file of a version that does not come with its collection, mount
# included. The content must be right.
older() {
    sandbox_start large --param registries=1 --param collections=1 --param versions=12 --param "files=$1"
    [[ -z ${2:-} ]] || control POST /faults "$2" >/dev/null
    mount_start --no-cache --ttl 600
    local files=$MNT/large/r0/collections/c0/aliases/production/files
    assert_equal "$(head -c 4 "$files/d0/s0/f000002.bin")" '2 2 '
    requests=$(round_trips)
    reset_counts
    assert_equal "$(find "$files/" -type f | wc -l)" "$1"
    assert_requests 0
}

@test "a file below an alias of an older version: its files come with it when they are few" {
    local requests
    older 3
    assert_equal "$requests" 6
    # What is known is read again without them.
    touch "$MNT/large"
    cat "$MNT/large/r0/collections/c0/aliases/production/digest" >/dev/null
    assert_requests_at_most 4
    [[ $(graphql_count) -gt 0 && $(operation_count ArtifactMembershipWithFiles) -eq 0 ]]
}

@test "the same with more files than come along: they are listed, 1 request more" {
    local requests
    older 30
    assert_equal "$requests" 7
}

@test "the same where the server refuses the files that would come along: 2 requests more" {
    local requests
    older 3 '{"kind": "errors", "operation": "ArtifactMembershipWithFiles", "times": -1}'
    assert_equal "$requests" 8
}

@test "64 cats of one registry's attributes at once: 1 request" {
    local name registry attributes pids=() i
    IFS=$'\t' read -r name _ < <(largest)
    registry=$(control GET /state | jq -r --arg name "$name" '.organizations[] | select(.name == $name)
        | [.registries[].name | select(startswith("wandb-registry-"))][17] | ltrimstr("wandb-registry-")')
    attributes=(name description visibility allow_all_artifact_types artifact_types full_name
        organization entity id created_at updated_at)
    cold_mount
    control POST /delay '{"ms": 50, "target": "graphql"}' >/dev/null
    for i in {0..63}; do
        cat "$MNT/$name/$registry/${attributes[i % ${#attributes[@]}]}" >/dev/null 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    assert_requests_at_most 1
}

@test "64 cats in different collections at once: some by name, then one page" {
    local pids=() i
    sandbox_start large --param collections=90 --param versions=0
    cold_mount
    for i in {10..73}; do
        cat "$MNT/large/r0/collections/c$i/description" >/dev/null 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    [[ $(operation_count RegistryCollections) -le 1 ]]
    assert_requests_at_most 64
    control GET /counts
    reset_counts
    cat "$MNT"/large/r0/collections/c{10..73}/description >/dev/null
    assert_requests 0
}

@test "find of an organization: each page of each registry once; ls of one registry: its own" {
    sandbox_start large --param registries=6 --param collections=3 --param versions=40
    cold_mount
    find "$MNT/large" -path '*/files' -prune -o -print >/dev/null
    assert_requests_at_most $((1 + 6 * (1 + 2 + 1)))
    mount_stop
    cold_mount
    ls -lR "$MNT/large/r0/collections/c0/versions" --ignore=files >/dev/null
    ls -l "$MNT/large/r0/collections" "$MNT/large/r0" "$MNT/large" >/dev/null
    sleep 0.5
    [[ $(operation_count RegistryVersions) -eq 1 && $(operation_count RegistryCollections) -eq 1 ]]
}

@test "one attribute of one registry on a cold mount: 3 requests" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    local registry
    registry=$(control GET /state | jq -r --arg name "$name" '.organizations[] | select(.name == $name)
        | [.registries[].name | select(startswith("wandb-registry-"))][17] | ltrimstr("wandb-registry-")')
    cold_mount
    cat "$MNT/$name/$registry/description" >/dev/null
    assert_requests_at_most 3
}

@test "any number of processes that want the same thing cost as much as one" {
    local name count pids=() i alone
    IFS=$'\t' read -r name count < <(largest)
    cold_mount
    ls -l "$MNT/$name" >/dev/null
    alone=$(graphql_count)
    mount_stop
    cold_mount
    control POST /delay '{"ms": 50, "target": "graphql"}' >/dev/null
    for i in {1..32}; do
        ls -l "$MNT/$name" >"$i.txt" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    assert_requests_at_most "$alone"
    assert_equal "$(md5sum ./*.txt | cut -d ' ' -f 1 | sort -u | wc -l)" 1
}

@test "names that nobody has are asked for once" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    mount_start --ttl 600 --negative-ttl 600
    ls "$MNT/$name" >/dev/null
    reset_counts
    stat "$MNT/$name/.git" "$MNT/$name/.hidden" "$MNT/$name/.git" 2>/dev/null || true
    stat "$MNT/.Trash-0" "$MNT/.Trash-0" 2>/dev/null || true
    local once
    once=$(graphql_count)
    stat "$MNT/$name/.git" "$MNT/$name/.hidden" "$MNT/.Trash-0" 2>/dev/null || true
    assert_requests "$once"
}

@test "after the time to live, the next look asks again" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    mount_start --ttl 1
    ls "$MNT/$name" >/dev/null
    sleep 1.5
    reset_counts
    ls "$MNT/$name" >/dev/null
    [[ $(graphql_count) -gt 0 ]]
}

@test "nothing changes on the server by looking" {
    local name count
    IFS=$'\t' read -r name count < <(largest)
    cold_mount
    ls -lR "$MNT/$name" >/dev/null
    [[ $(control GET /counts | jq .mutations) -eq 0 ]]
}
