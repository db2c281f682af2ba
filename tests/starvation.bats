#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Nothing waits for somebody else's wait (design 5): with 200 stalled requests of one kind those of
# the other kinds are answered as if alone, and afterwards the threads are gone.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start paging
}

setup() {
    test_setup
    CROWD=()
}

teardown() {
    control DELETE /faults >/dev/null || true
    local pid
    for pid in "${CROWD[@]}"; do
        kill -INT "$pid" 2>/dev/null || true
    done
    for pid in "${CROWD[@]}"; do
        wait "$pid" || true
    done
    test_teardown
}

# Mounts and names 240 registries that nobody has looked into: 200 for the crowd, the others for
# who comes after it.
prepare() {
    mount_start --ttl 600 --timeout 120
    ls "$MNT/paging" >/dev/null
    mapfile -t REGISTRIES < <(find "$MNT/paging" -mindepth 1 -maxdepth 1 -type d | sort | head -n 240)
    [[ ${#REGISTRIES[@]} -eq 240 ]] || fail "too few registries"
    OTHERS=("${REGISTRIES[@]:200}")
}

# crowd COMMAND: 200 processes, each with another registry as $1.
crowd() {
    local directory
    for directory in "${REGISTRIES[@]:0:200}"; do
        env --default-signal=INT bash -c "$1" - "$directory" >/dev/null 2>>failed.txt 3>&- &
        CROWD+=($!)
    done
}

save='echo crowd >"$1/description"'
lookup='exec stat "$1/collections/nobody"'
listing='exec ls "$1/collections"'

# hang OPERATION…: these requests get no answer.
hang() {
    local operation
    for operation in "$@"; do
        control POST /faults "$(jq -nc --arg operation "$operation" \
            '{target: "graphql", operation: $operation, kind: "hang", times: -1}')" >/dev/null
    done
    reset_counts
}

# have_arrived OPERATION…: the server has got 200 of these.
have_arrived() {
    local operation sum=0
    for operation in "$@"; do
        sum=$((sum + $(operation_count "$operation")))
    done
    [[ $sum -ge 200 ]]
}

threads() {
    sed -n 's/^Threads:\s*//p' "/proc/$PID/status"
}

few_threads() {
    [[ $(threads) -le 64 ]]
}

# The other kinds are served within 3 s, as a new one of the stalled kind reaches the server.
others_are_served() {
    local command
    for command in "$@"; do
        within 3000 bash -c "$command" - "${OTHERS[0]}" >/dev/null || fail "$command: status $?" || return
        OTHERS=("${OTHERS[@]:1}")
    done
}

# stat of what is not there: answered, that is, and soon.
no_such_collection='! stat "$1/collections/nobody" 2>error && grep -q "No such file" error'

@test "200 stalled saves: lookups, listings and openings are answered" {
    prepare
    hang UpsertRegistry
    crowd "$save"
    eventually 60 have_arrived UpsertRegistry
    others_are_served "$no_such_collection" "$listing" 'exec 3>>"$1/description"' 'cat "$1/description"'
    [[ $(threads) -ge 200 ]]
    control DELETE /faults
    eventually 60 few_threads
}

@test "200 stalled lookups: saves, listings and openings are answered" {
    prepare
    hang ProjectArtifactCollectionVersions
    crowd "$lookup"
    eventually 60 have_arrived ProjectArtifactCollectionVersions
    others_are_served "$listing" "$save" 'exec 3>>"$1/description"' 'cat "$1/description"'
    control DELETE /faults
    eventually 60 few_threads
}

@test "200 stalled listings: saves, lookups and openings are answered" {
    prepare
    hang RegistryCollections ProjectArtifactCollections ProjectArtifactTypes
    crowd "$listing"
    eventually 60 have_arrived RegistryCollections ProjectArtifactCollections ProjectArtifactTypes
    others_are_served "$no_such_collection" "$save" 'exec 3>>"$1/description"' 'cat "$1/description"'
    control DELETE /faults
    eventually 60 few_threads
}

@test "twin: 200 saves on a sound server" {
    prepare
    crowd "$save"
    local pid
    for pid in "${CROWD[@]}"; do
        wait_for_end "$pid" 120
    done
    [[ ! -s failed.txt ]]
    assert_equal "$(cat "${REGISTRIES[199]}/description")" crowd
    eventually 60 few_threads
}
