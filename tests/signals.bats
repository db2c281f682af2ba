#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Signals to a process that waits in a system call: as on a local filesystem, but that a person can
# end the waiting.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

signalled() {
    python3 "$ROOT/tests/lib/signalled_calls.py" "$@"
}

# The registry's server hangs from the next request on.
hang_server() {
    control POST /faults '{"target": "graphql", "operation": "*", "kind": "hang", "times": -1}' >/dev/null
}

@test "caught signals, a stop and a window's size do not end a call that waits" {
    local name call
    mount_start --timeout 30 --ttl 0
    ls "$MNT/acme" >/dev/null
    control POST /delay '{"ms": 1600, "target": "graphql"}' >/dev/null
    for name in usr1 usr2 alrm rtmin+3 io winch prof; do
        run -0 signalled opendir "$MNT/acme/model/collections" "$name"
        [[ $output == ok* ]] || fail "$name: $output"
    done
    run -0 signalled opendir "$MNT/acme/model/versions" STOP CONT
    [[ $output == ok* ]] || fail "$output"
    for call in stat open; do
        run -0 signalled "$call" "$MNT/acme/dataset/description" usr1 usr2
        [[ $output == ok* ]] || fail "$call: $output"
    done
    run -0 signalled mkdir "$MNT/acme/made" usr1
    [[ $output == ok* ]] || fail "$output"
    sandbox_calm
    rmdir "$MNT/acme/made"
}

@test "what asks for an end, and what ends the process, ends the call, also after other signals" {
    local name outcome took
    mount_start --timeout 30
    hang_server
    for name in int quit term hup; do
        run -0 signalled opendir "$MNT/acme/restricted/collections" "$name"
        read -r outcome took <<<"$output"
        [[ $outcome == EINTR && $took -lt 5000 ]] || fail "$name: $output"
    done
    for name in INT USR1 ALRM RTMIN+3 KILL; do
        run -0 signalled opendir "$MNT/acme/restricted/collections" "$name"
        read -r outcome took <<<"$output"
        [[ $outcome == SIG* && $took -lt 5000 ]] || fail "$name: $output"
    done
    run -0 signalled opendir "$MNT/acme/restricted/collections" usr1 usr2 int
    read -r outcome took <<<"$output"
    [[ $outcome == EINTR && $took -lt 5000 ]] || fail "$output"
    run -0 signalled opendir "$MNT/acme/restricted/collections" winch INT
    read -r outcome took <<<"$output"
    [[ $outcome == SIG2 && $took -lt 5000 ]] || fail "$output"
}

@test "a caller whom the filesystem cannot see, in another PID namespace: any signal ends its call" {
    local mnt=$TEST_DIR/other outcome took daemon
    mkdir "$mnt"
    mkfifo ready
    unshare --pid --fork "$REGISTRYFS" -f --ready-fd 9 --timeout 30 "$mnt" 9>ready >log 2>&1 3>&- &
    daemon=$!
    read -r _ <ready
    hang_server
    run -0 signalled opendir "$mnt/acme/restricted/collections" usr1
    fusermount3 -u "$mnt" || fusermount3 -uz "$mnt"
    wait "$daemon"
    read -r outcome took <<<"$output"
    [[ $outcome == EINTR && $took -lt 5000 ]] || fail "$output"
}
