#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# How a mount is: --status over its socket, metrics, service manager (design 1, 2).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    # A socket's path has 107 bytes at most.
    XDG_RUNTIME_DIR=$(mktemp -d /tmp/registryfs-test.XXXXXX)
    export XDG_RUNTIME_DIR
}

teardown() {
    local failed=0 runtime=$XDG_RUNTIME_DIR
    test_teardown || failed=1
    rm -rf "$runtime"
    return $failed
}

@test "a healthy mount: exit status 0, state and figures" {
    mount_start
    run -0 --separate-stderr "$REGISTRYFS" --status "$MNT"
    [[ ${lines[0]} == "state: healthy" ]]
    [[ $output == *$'\nbase_url: '"$WANDB_BASE_URL"* ]]
    [[ -z $stderr ]]
}

@test "--json is one JSON object, with the numbers as numbers" {
    mount_start
    "$REGISTRYFS" --status "$MNT" --json >status.json
    jq -e '.state == "healthy" and (.requests | type) == "number" and .viewer == "ada"' status.json
}

@test "any way to write the mountpoint finds it" {
    mount_start
    ln -s "${MNT%/*}" parent
    run -0 "$REGISTRYFS" --status "$MNT/"
    run -0 "$REGISTRYFS" --status "parent/${MNT##*/}"
    cd "$MNT/.."
    run -0 "$REGISTRYFS" --status "${MNT##*/}"
    run -0 "$REGISTRYFS" --status "./${MNT##*/}"
}

@test "a link, a bind mount and any path inside find it, whichever way it was mounted" {
    mkdir place
    ln -s place link
    within 30000 "$REGISTRYFS" link
    local asked
    for asked in place link link/ place/acme link/acme/model/name place/no/such/thing place/. place/acme/..; do
        run -0 "$REGISTRYFS" --status "$asked"
    done
    (cd place/acme && "$REGISTRYFS" --status .) >/dev/null
    if unshare --mount true; then
        mkdir other
        # shellcheck disable=SC2016
        run -0 unshare --mount sh -c 'mount --bind place/acme other && "$REGISTRYFS" --status other'
    fi
    # A mount that answers nobody is not looked into.
    kill -STOP "$(daemons)"
    for asked in place link/acme/model; do
        run -2 within 30000 "$REGISTRYFS" --status "$asked"
        [[ $output == *"does not answer"* ]]
    done
    kill -CONT "$(daemons)"
    mkdir empty
    run -2 "$REGISTRYFS" --status empty
    [[ $output == *"nothing is mounted"* ]]
    fusermount3 -u place
    wait_for_end "$(daemons)" 10
}

@test "another runtime directory, or none, finds it" {
    mount_start
    run -0 env -u XDG_RUNTIME_DIR "$REGISTRYFS" --status "$MNT"
    run -0 env XDG_RUNTIME_DIR=/nonexistent "$REGISTRYFS" --status "$MNT"
}

@test "a socket that was cleaned away is no end, and is made anew" {
    mount_start
    local socket
    socket=$(echo "$XDG_RUNTIME_DIR"/registryfs/*.socket)
    rm "$socket"
    run -0 "$REGISTRYFS" --status "$MNT"
    eventually 60 test -S "$socket"
    run -0 "$REGISTRYFS" --status "$socket"
    rm -r "$XDG_RUNTIME_DIR/registryfs"
    eventually 60 test -S "$socket"
    run -0 "$REGISTRYFS" --status "$socket"
    mount_stop
    [[ ! -e $socket ]]
}

@test "a mount whose sockets cannot be reached is not called down" {
    unshare --mount --net true || skip "needs namespaces"
    mount_start
    # Another network has other abstract names, another environment another directory.
    run -1 env -u XDG_RUNTIME_DIR unshare --mount --net "$REGISTRYFS" --status "$MNT" --json
    jq -e '.state == "degraded" and (.reason | test("is mounted"))' <<<"$output"
}

@test "the socket itself can be named, and is closed to others" {
    mount_start
    local socket
    socket=$(echo "$XDG_RUNTIME_DIR"/registryfs/*.socket)
    assert_equal "$(stat -c %a "$socket")" 600
    run -0 "$REGISTRYFS" --status "$socket"
}

@test "degraded while the server fails, with the reason; healthy again afterwards" {
    mount_start
    fault status status 503
    run -1 "$REGISTRYFS" --status "$MNT"
    [[ ${lines[0]} == "state: degraded" ]]
    [[ ${lines[1]} == "reason: "?* ]]
    "$REGISTRYFS" --status "$MNT" --json >status.json || true
    jq -e '.state == "degraded" and .reason != ""' status.json
    control DELETE /faults >/dev/null
    eventually 60 "$REGISTRYFS" --status "$MNT"
}

@test "degraded, and soon, while the server hangs" {
    mount_start
    fault hang
    run -1 within 14000 "$REGISTRYFS" --status "$MNT"
    control DELETE /faults >/dev/null
}

@test "down where nothing is mounted" {
    mkdir empty
    run -2 --separate-stderr "$REGISTRYFS" --status empty
    [[ ${lines[0]} == "state: down" ]]
    run -2 "$REGISTRYFS" --status empty --json
    jq -e '.state == "down" and .reason != ""' <<<"$output"
    run -2 "$REGISTRYFS" --status not/there
}

@test "down after kill -9, without touching the dead mount; a new mount there works" {
    mkdir mountpoint
    within 30000 "$REGISTRYFS" mountpoint
    kill -KILL "$(daemons)"
    wait_for_end "$(daemons)" 10
    run -2 "$REGISTRYFS" --status mountpoint
    [[ $output == *ended* ]]
    within 30000 "$REGISTRYFS" mountpoint
    run -0 "$REGISTRYFS" --status mountpoint
    [[ -d mountpoint/acme ]]
    fusermount3 -u mountpoint
    wait_for_end "$(daemons)" 10
}

@test "down when the daemon is stopped: --status does not hang" {
    mount_start
    kill -STOP "$PID"
    run -2 within 30000 "$REGISTRYFS" --status "$MNT"
    [[ $output == *"does not answer"* ]]
    kill -CONT "$PID"
}

@test "the socket is gone after the unmount" {
    mount_start
    mount_stop
    [[ -z $(find "$XDG_RUNTIME_DIR" -type s) ]]
}

# A process of another user that says "healthy" at socket $1, to one who asks.
start_impostor() {
    setpriv --reuid 23456 --clear-groups /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
s.settimeout(60)
c = s.accept()[0]
c.sendall(b"healthy\nstate: healthy\n")' "$1" 3>&- &
    IMPOSTOR=$!
    eventually 60 test -S "$1"
}

@test "a socket of somebody else is not believed" {
    [[ $EUID -eq 0 ]] || skip "needs root"
    chmod 711 "$SUITE_DIR" "$TEST_DIR" "$XDG_RUNTIME_DIR"
    mkdir -m 777 "$TEST_DIR/shared"
    start_impostor "$TEST_DIR/shared/socket"
    run -2 "$REGISTRYFS" --status "$TEST_DIR/shared/socket"
    [[ $output == *"another user"* ]]
    wait "$IMPOSTOR" || true
}

@test "somebody else's socket in place of a mount's own changes nothing" {
    [[ $EUID -eq 0 ]] || skip "needs root"
    mount_start
    local socket
    socket=$(echo "$XDG_RUNTIME_DIR"/registryfs/*.socket)
    chmod 711 "$SUITE_DIR" "$TEST_DIR" "$XDG_RUNTIME_DIR"
    chmod 777 "$XDG_RUNTIME_DIR/registryfs"
    rm "$socket"
    start_impostor "$socket"
    fault status status 503
    run -1 "$REGISTRYFS" --status "$MNT"
    [[ ${lines[0]} == "state: degraded" && $output == *503* ]]
    control DELETE /faults >/dev/null
    kill "$IMPOSTOR" 2>/dev/null || true
    wait "$IMPOSTOR" || true
    mount_stop
}

@test "metrics are Prometheus text" {
    mount_start
    ls "$MNT" >/dev/null
    cat "$MNT/.registryfs/metrics" >metrics
    grep -qxE 'registryfs_requests_total [1-9][0-9]*' metrics
    grep -qxE 'registryfs_server_up 1' metrics
    # Every sample has its HELP and TYPE, and nothing else is in it.
    run ! grep -vE '^(# (HELP|TYPE) registryfs_[a-z_]+ .+|registryfs_[a-z_]+ [0-9]+)$' metrics
    assert_equal "$(grep -c '^# TYPE' metrics)" "$(grep -c '^registryfs_' metrics)"
}

@test "a service manager is told READY and STOPPING" {
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("notify")
open("bound", "w").close()
s.settimeout(60)
for _ in range(2):
    print(s.recv(4096).decode(), flush=True)' >messages 3>&- &
    local listener=$!
    eventually 60 test -e bound
    NOTIFY_SOCKET=$TEST_DIR/notify mount_start
    eventually 60 grep -qx READY=1 messages
    mount_stop
    wait "$listener"
    assert_equal "$(tail -n 1 messages)" STOPPING=1
}

@test "--status and --json say how they are used" {
    run -1 --separate-stderr "$REGISTRYFS" --json /
    [[ $stderr == *--status* ]]
    run -1 --separate-stderr "$REGISTRYFS" --status / /
}

# The server says who the viewer is, and what went wrong: both reach a terminal.
@test "control characters of the server reach no terminal: status, errors, messages, logs" {
    local place
    control POST /faults '{"kind": "set_at", "operation": "GetViewer", "path": ["viewer", "username"],
        "times": -1, "value": "a\u001b[31m\u009b31m\nserver: down\u007f"}' >/dev/null
    mount_start --log-level debug
    fault errors errors '["no \u001b]0;title\u0007\u009b31m\u0085way"]' status 500
    run ls "$MNT/acme/model/collections"
    mkdir spoken
    cat "$MNT/.registryfs/status" >spoken/status
    cat "$MNT/.registryfs/errors" >spoken/errors
    cp "$LOG" spoken/log
    run "$REGISTRYFS" --status "$MNT"
    printf '%s\n' "$output" >spoken/query
    run "$REGISTRYFS" --status "$MNT" --json
    printf '%s\n' "$output" >spoken/json
    jq . spoken/json >spoken/parsed
    grep -qF 'viewer: a\x1b[31m\u009b31m server: down\x7f' spoken/status
    grep -qF 'no \x1b]0;title\x07\u009b31m\u0085way' spoken/errors
    mkdir second
    run -32 --separate-stderr "$REGISTRYFS" second
    printf '%s\n' "$stderr" >spoken/message
    grep -qF 'no \x1b]0;title' spoken/message
    for place in spoken/*; do
        perl -ne 'exit 1 if /[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/' "$place" ||
            fail "a control character in $place"
    done
}

@test "twin: names and messages in UTF-8 are shown as they are" {
    control POST /faults '{"kind": "set_at", "operation": "GetViewer", "path": ["viewer", "username"],
        "times": -1, "value": "Zoë 😀"}' >/dev/null
    mount_start
    fault errors errors '["kein Zutritt für Zoë"]' status 500
    run ls "$MNT/acme/model/collections"
    assert_equal "$(status_value viewer)" "Zoë 😀"
    grep -q 'kein Zutritt für Zoë' "$MNT/.registryfs/errors"
}
