#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Many who look at, list and change one directory at the same time. CROWD_SECONDS=60 for longer.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

# Milliseconds until so many cold names of one directory were looked up at once.
look_up() {
    local name began jobs=()
    mount_start --ttl 600
    stat "$MNT/acme/model/collections" >/dev/null
    control POST /delay '{"ms": 1000, "target": "graphql"}' >/dev/null
    began=$(now_ms)
    for name in $(seq "$1"); do
        stat "$MNT/acme/model/collections/not-there-$name" >/dev/null 2>&1 3>&- &
        jobs+=($!)
    done
    wait "${jobs[@]}" || true
    took=$(($(now_ms) - began))
    control POST /delay '{"ms": 0}' >/dev/null
    mount_stop
}

@test "eight cold names of one directory do not wait for each other" {
    local took one
    look_up 1
    one=$took
    look_up 8
    ((one >= 900)) || fail "nothing was asked: $one ms"
    # One after the other they would take eight times as long.
    ((took < one * 4)) || fail "one: $one ms, eight: $took ms"
}

@test "eight processes look up, list, make, rename and remove in one directory" {
    mount_start
    run -0 timeout 300 python3 "$ROOT/tests/lib/crowded_directory.py" "$MNT/acme/model" 8 "${CROWD_SECONDS:-5}"
    # That a file of such a name is in memory only is said when it is made.
    ! grep -v ' 0 memory only, ' "$MNT/.registryfs/errors" || fail "what is above was reported"
    run -0 find "$MNT/acme/model" -maxdepth 1 -name '.own-*'
    [[ -z $output ]]
}
