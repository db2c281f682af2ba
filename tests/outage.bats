#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The server goes away and comes back (design 4 and 5). Each test has a server of its own.

load lib/helpers

setup() {
    test_setup
    sandbox_start sample
}

# Whatever a test did, the names of hosts are as before.
teardown() {
    [[ ! -e $TEST_DIR/hosts.mounted ]] || umount /etc/hosts
    [[ ! -e $TEST_DIR/forwarder.pid ]] || kill "$(cat "$TEST_DIR/forwarder.pid")" 2>/dev/null || true
    test_teardown
}

# Reads acme/model, with everything in it, but not acme/dataset.
look_around() {
    ls -l "$MNT" "$MNT/acme" >"$1"
    find "$MNT/acme/model" -name files -prune -o -printf '%y %s %T@ %P %l\n' >>"$1"
    find "$MNT/acme/model" -name files -prune -o -type f -exec cat {} + >>"$1"
}

assert_new_things_fail() {
    run -- within 20000 ls "$MNT/acme/dataset/collections"
    [[ $status -ne 0 && $status -ne 124 ]] || fail "status $status" || return
    [[ $output == *"No route to host"* || $output == *"Connection timed out"* ]] || fail "$output"
}

@test "server gone: what was read stays readable, with a line in errors" {
    mount_start --ttl 1 --timeout 5
    look_around before.txt
    sandbox_stop
    sleep 1.5
    look_around after.txt
    assert_same_text before.txt after.txt
    eventually 60 grep -q EHOSTUNREACH "$MNT/.registryfs/errors"
    assert_new_things_fail
}

@test "server gone: what is remembered answers fast, again and again" {
    mount_start --ttl 1 --timeout 5
    ls -l "$MNT/acme" "$MNT/acme/model/collections" >/dev/null
    sandbox_stop
    sleep 1.5
    within 20000 ls -l "$MNT/acme/model/collections" >/dev/null
    # Once the outage is known, nobody waits for a connection again.
    for _ in {1..20}; do
        within 20000 ls -l "$MNT/acme/model/collections" >/dev/null
    done
    within 10000 cat "$MNT/acme/model/description" >/dev/null
}

@test "connection refused: No route to host" {
    mount_start --timeout 5
    ls "$MNT/acme" >/dev/null
    sandbox_stop
    fails_with "No route to host" within 20000 ls "$MNT/acme/dataset/collections"
    # A name that nobody can vouch for is an error, never "not there".
    fails_with "No route to host" within 20000 stat "$MNT/acme/dataset/collections/unknown"
    grep -q EHOSTUNREACH "$MNT/.registryfs/errors"
}

@test "the server hangs: Connection timed out, within the budget" {
    mount_start --timeout 3
    ls "$MNT/acme" >/dev/null
    fault hang
    fails_with "Connection timed out" within 20000 ls "$MNT/acme/dataset/collections"
    grep -q ETIMEDOUT "$MNT/.registryfs/errors"
}

@test "the server fails: Input/output error, the server's words in errors" {
    mount_start --timeout 3
    ls "$MNT/acme" >/dev/null
    fault status status 500 body '"the disk of the server is full"'
    fails_with "Input/output error" within 20000 ls "$MNT/acme/dataset/collections"
    grep -q "the disk of the server is full" "$MNT/.registryfs/errors"
}

@test "answers that are none: Input/output error" {
    mount_start --timeout 3
    ls "$MNT/acme" >/dev/null
    local kind
    for kind in html bad_json data_null drop; do
        fault "$kind"
        run -- within 20000 ls "$MNT/acme/dataset/collections"
        [[ $status -ne 0 && $status -ne 124 ]] || fail "$kind: status $status" || return
        [[ $output == *"Input/output error"* || ($kind == drop && $output == *"No route"*) ]] ||
            fail "$kind: $output"
        control DELETE /faults
    done
}

@test "permission denied, and the server's words" {
    mount_start --timeout 3
    ls "$MNT/acme" >/dev/null
    control POST /faults '{"target": "graphql", "operation": "*", "kind": "errors", "times": -1,
        "status": 403, "data": "absent", "errors": [{"message": "permission denied"}]}'
    fails_with "Permission denied" within 20000 ls "$MNT/acme/dataset/collections"
    grep -q "permission denied" "$MNT/.registryfs/errors"
}

@test "too many requests: waited for, then an answer" {
    mount_start --timeout 15
    ls "$MNT/acme" >/dev/null
    control POST /faults '{"target": "graphql", "operation": "*", "kind": "status", "status": 429,
        "headers": {"Retry-After": "1"}, "times": 1}'
    run -0 within 20000 ls "$MNT/acme/dataset/collections"
}

@test "too many requests for too long: Device or resource busy" {
    mount_start --timeout 8
    ls "$MNT/acme" >/dev/null
    fault status status 429
    fails_with "Device or resource busy" within 20000 ls "$MNT/acme/dataset/collections"
}

@test "a connection that breaks once is tried again" {
    mount_start --timeout 15
    ls "$MNT/acme" >/dev/null
    control POST /faults '{"target": "graphql", "operation": "*", "kind": "drop", "times": 1}'
    run -0 within 20000 ls "$MNT/acme/dataset/collections"
}

@test "the server comes back: everything works again, without remounting" {
    mount_start --ttl 1 --timeout 5
    look_around before.txt
    sandbox_stop
    assert_new_things_fail
    sandbox_restart sample
    eventually 60 ls "$MNT/acme/dataset/collections"
    eventually 40 upsert_registry acme-org-entity after-the-outage
    touch "$MNT/acme"
    eventually 40 ls "$MNT/acme/after-the-outage"
}

@test "an outage does not keep anybody from unmounting" {
    mount_start --timeout 5
    ls "$MNT/acme" >/dev/null
    sandbox_stop
    ls "$MNT/acme/dataset/collections" >/dev/null 2>&1 3>&- &
    local waiting=$!
    within 10000 ls "$MNT/acme" >/dev/null
    wait $waiting || true
    within 5000 fusermount3 -u "$MNT"
    mount_stop
}

@test "twin: with the server there, the same things succeed" {
    mount_start --ttl 1 --timeout 5
    look_around before.txt
    sleep 1.5
    look_around after.txt
    assert_same_text before.txt after.txt
    run -0 ls "$MNT/acme/dataset/collections"
}

# forwarder ADDRESS PORT TARGET_PORT: takes connections there and passes them on. Sets `forwarder`.
forwarder() {
    python3 -c 'import socket, sys, threading
address, port, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    sink.close()
with socket.create_server((address, port)) as listener:
    open("forwards", "w").close()
    while True:
        near, far = listener.accept()[0], socket.create_connection(("127.0.0.1", target))
        for ends in (near, far), (far, near):
            threading.Thread(target=pump, args=ends, daemon=True).start()' "$1" "$2" "$3" 3>&- &
    forwarder=$!
    echo "$forwarder" >forwarder.pid
    eventually 60 test -e forwards
}

@test "a server that has moved to another address is found there" {
    local forwarder port=${WANDB_BASE_URL##*:}
    cp /etc/hosts hosts
    mount --bind hosts /etc/hosts || skip "the names of hosts cannot be changed here"
    touch hosts.mounted
    grep -v registry.example hosts >plain && cat plain >hosts
    echo "127.0.0.2 registry.example" >>hosts
    forwarder 127.0.0.2 "$port" "$port"
    mount_start --ttl 1 --timeout 5 --base-url "http://registry.example:$port"
    ls "$MNT/acme/model/collections" >/dev/null
    # The old address refuses, the new one works, at once.
    kill "$forwarder"
    wait "$forwarder" || true
    rm forwarder.pid
    cat plain >hosts
    echo "127.0.0.1 registry.example" >>hosts
    # Addresses are remembered for a minute.
    eventually 30 ls "$MNT/acme/dataset/collections"
}
