#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Storage that fails, lies or hangs (design 5 and 6, protocol 8.3): right bytes or an error, in time.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    export FILE=acme/model/collections/churn/versions/v0/files/model.pt
    HASH=$(control GET /state | jq -r '.organizations[] | select(.name == "acme").registries[]
        | select(.name == "wandb-registry-model").collections[] | select(.name == "churn").versions[]
        | select(.version == "v0").files[] | select(.path == "model.pt").sha256')
    export HASH
}

teardown() {
    local authorized=0
    authorized=$(control GET /counts | jq .storage.authorized) || true
    control POST /url_life '{"seconds": 3600}' >/dev/null || true
    control POST /artifacts '{"redirect": false}' >/dev/null || true
    test_teardown && [[ $authorized == 0 ]]
}

# storage_fault KIND TIMES [MEMBER VALUE]…
storage_fault() {
    local kind=$1 times=$2
    shift 2
    fault "$kind" target '"storage"' times "$times" "$@"
}

# Reads the file within $1 ms; prints its hash, or "error".
read_file() {
    local hash
    if hash=$(within "$1" sha256sum "$MNT/$FILE"); then
        printf '%s\n' "${hash%% *}"
    else
        printf 'error\n'
    fi
}

# The fault passes: the reader does not notice.
assert_unnoticed() {
    mount_start
    stat "$MNT/$FILE" >/dev/null
    storage_fault "$@"
    run -0 read_file 60000
    [[ ${lines[-1]} == "$HASH" ]] || fail "$1: ${lines[-1]}"
    # The fault was really met.
    [[ $(control GET /faults | jq '.[0].hits') -gt 0 ]]
}

# The fault stays: an error, within the limits, and nothing wrong afterwards.
assert_error_then_right() {
    mount_start
    stat "$MNT/$FILE" >/dev/null
    storage_fault "$@"
    # The W&B host is no way out either.
    fault status target '"artifacts"' status 503
    run -0 read_file 75000
    [[ ${lines[-1]} == error || ${lines[-1]} == "$HASH" ]] || fail "$1: wrong bytes"
    [[ ${lines[-1]} == "$HASH" ]] || grep -q ' read .*model.pt E' "$MNT/.registryfs/errors"
    control DELETE /faults >/dev/null
    run -0 read_file 60000
    [[ ${lines[-1]} == "$HASH" ]]
}

@test "twin: without a fault" {
    mount_start
    run -0 read_file 60000
    [[ $output == "$HASH" ]]
}

@test "once: 503" { assert_unnoticed status 1 status 503; }
@test "once: 500" { assert_unnoticed status 1 status 500; }
@test "once: 429 with Retry-After" { assert_unnoticed status 1 status 429 headers '{"retry-after": "1"}'; }
@test "once: 404" { assert_unnoticed status 1 status 404; }
@test "twice: 403" { assert_unnoticed status 2 status 403; }
@test "three times: connection dropped" { assert_unnoticed drop 3; }
@test "once: body cut" { assert_unnoticed cut 1 after_bytes 500000; }
@test "five times: body cut" { assert_unnoticed cut 5 after_bytes 100000; }
@test "once: body truncated, lengths agreeing" { assert_unnoticed truncate 1 bytes 500000; }
@test "once: no answer" { assert_unnoticed hang 1; }
@test "once: body stalls" { assert_unnoticed stall 1 after_bytes 500000; }
@test "once: range ignored" { assert_unnoticed wrong_range 1; }
@test "once: wrong length" { assert_unnoticed wrong_length 1 delta -1000; }
@test "once: sign-in page" { assert_unnoticed html 1; }
@test "once: redirect to another host" { assert_unnoticed redirect 1 to '"other_host"'; }

@test "always: range ignored" {
    mount_start
    stat "$MNT/$FILE" >/dev/null
    storage_fault wrong_range -1
    # From the middle: the whole file comes, only what is asked for is delivered.
    run -0 within 60000 bash -c "dd if='$MNT/$FILE' bs=4096 skip=100 count=3 status=none | sha256sum"
    control DELETE /faults >/dev/null
    [[ $output == "$(dd if="$MNT/$FILE" bs=4096 skip=100 count=3 status=none | sha256sum)" ]]
}

@test "always: 503" { assert_error_then_right status -1 status 503; }
@test "always: dropped" { assert_error_then_right drop -1; }
@test "always: cut" { assert_error_then_right cut -1 after_bytes 0; }
@test "always: wrong length" { assert_error_then_right wrong_length -1 delta 1000; }
@test "always: hang" { assert_error_then_right hang -1; }
@test "always: stall" { assert_error_then_right stall -1 after_bytes 10; }
@test "always: wrong bytes" { assert_error_then_right wrong_bytes -1 offset 1000000 count 3; }

# A file for each fault that stays, named after it; what reading it must come to: right, error, or
# either.
table() {
    cat <<'TABLE'
status-400    error   {"kind": "status", "status": 400}
status-401    error   {"kind": "status", "status": 401}
status-404    error   {"kind": "status", "status": 404}
status-416    error   {"kind": "status", "status": 416}
status-429    error   {"kind": "status", "status": 429}
status-500    error   {"kind": "status", "status": 500}
status-502    error   {"kind": "status", "status": 502}
status-204    error   {"kind": "status", "status": 204}
status-302    error   {"kind": "status", "status": 302}
html          error   {"kind": "html"}
empty         error   {"kind": "empty"}
bad-json      error   {"kind": "bad_json"}
huge-body     error   {"kind": "huge_body", "bytes": 50000000}
errors        error   {"kind": "errors"}
lose-answer   error   {"kind": "lose_answer"}
redirect      error   {"kind": "redirect", "to": "self"}
elsewhere     either  {"kind": "redirect", "to": "other_host"}
truncate      right   {"kind": "truncate", "bytes": 1000}
cut           either  {"kind": "cut", "after_bytes": 150000}
short         error   {"kind": "wrong_length", "delta": -1000}
wrong-range   right   {"kind": "wrong_range"}
content-type  right   {"kind": "content_type", "value": "text/html"}
delay         right   {"kind": "delay", "ms": 1000}
window        right   {"kind": "window", "bytes": 30000, "ms": 50}
none          right   {"kind": "delay", "ms": 0}
TABLE
}

@test "every fault of the storage that stays: right bytes or an error, in time, right afterwards" {
    table | jq -Rn --arg key "$WANDB_API_KEY" '{users: [{username: "ada", key: $key, organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: [inputs | {path: split(" ")[0], random: {seed: length, size: 300000}}]}]}]}]}]}' \
        >"$TEST_DIR/seed.json"
    sandbox_start "$TEST_DIR/seed.json"
    mount_start --no-cache
    local files=$MNT/o/r/collections/c/versions/v0/files name expected json hash pids=()
    [[ $(find "$files" -type f | wc -l) == $(table | wc -l) ]]
    while read -r name expected json; do
        control POST /faults "$(jq -c --arg name "$name" '. + {target: "storage", operation: $name, times: -1}' <<<"$json")" >/dev/null
    done < <(table)
    fault status target '"artifacts"' status 503
    while read -r name _; do
        FILE=${files#"$MNT/"}/$name read_file 60000 >"$TEST_DIR/$name.hash" 2>/dev/null &
        pids+=($!)
    done < <(table)
    wait "${pids[@]}"
    control GET /faults | jq -e 'all(.hits > 0)' >/dev/null
    control DELETE /faults >/dev/null
    control GET /state | jq '.organizations[0].registries[0].collections[0].versions[0].files[]' >"$TEST_DIR/state"
    while read -r name expected _; do
        hash=$(jq -r --arg name "$name" 'select(.path == $name).sha256' "$TEST_DIR/state")
        case $expected:$(tail -n 1 "$TEST_DIR/$name.hash") in
        error:error | either:error | right:"$hash" | either:"$hash") ;;
        *) fail "$name: $(cat "$TEST_DIR/$name.hash")" ;;
        esac
        [[ $(FILE=${files#"$MNT/"}/$name read_file 60000) == "$hash" ]] || fail "$name: still wrong afterwards"
    done < <(table)
    [[ $(control GET /counts | jq .storage.authorized) == 0 ]]
}

@test "once: wrong bytes: an error or the right ones, and right afterwards" {
    mount_start
    stat "$MNT/$FILE" >/dev/null
    storage_fault wrong_bytes 1 offset 1000000 count 1
    run -0 read_file 60000
    [[ ${lines[-1]} == error || ${lines[-1]} == "$HASH" ]] || fail "wrong bytes"
    grep -q 'does not have the digest' "$MNT/.registryfs/errors"
    run -0 read_file 60000
    [[ ${lines[-1]} == "$HASH" ]]
}

@test "a slow storage is read to its end" {
    mount_start
    stat "$MNT/$FILE" >/dev/null
    storage_fault drip -1 bytes_per_second 400000
    run -0 read_file 60000
    [[ ${lines[-1]} == "$HASH" ]]
}

@test "Ctrl-C ends a read that hangs" {
    mount_start
    stat "$MNT/$FILE" >/dev/null
    storage_fault hang -1
    cat "$MNT/$FILE" >/dev/null &
    local pid=$!
    sleep 1
    kill -INT "$pid" 2>/dev/null || true
    kill -TERM "$pid"
    run within 5000 wait_for_end "$pid" 4
    [[ $status == 0 ]]
    # Everything else answers meanwhile.
    within 5000 ls "$MNT/acme/model" >/dev/null
}

@test "URLs that expire while a read goes on are renewed" {
    control POST /url_life '{"seconds": 2}' >/dev/null
    mount_start --no-cache
    local position sum=0
    exec {descriptor}<"$MNT/$FILE"
    for position in 0 1 2 3 4 5; do
        sleep 1
        dd bs=100000 count=1 status=none iflag=fullblock <&"$descriptor" >>"$TEST_DIR/slow"
        # The kernel must not help: its pages would hide what is asked for.
        dd of="$MNT/$FILE" oflag=nocache conv=notrunc,fdatasync count=0 status=none 2>/dev/null || true
        sum=$((sum + position))
    done
    cat <&"$descriptor" >>"$TEST_DIR/slow"
    exec {descriptor}<&-
    [[ $(sha256sum <"$TEST_DIR/slow") == "$HASH  -" ]]
    sleep 3
    run -0 read_file 60000
    [[ ${lines[-1]} == "$HASH" ]]
}

@test "the W&B host serves what the storage does not have: V2 and V1, all URL forms" {
    local features=ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER
    storage_fault status -1 status 404 operation '"model.pt"'
    local handler artifact
    for handler in false true; do
        for artifact in false true; do
            control POST /features "{\"$features\": $handler,
                \"ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID\": $artifact}" >/dev/null
            mount_start --no-cache
            run -0 read_file 60000
            [[ ${lines[-1]} == "$HASH" ]] || fail "handler $handler, artifact $artifact: ${lines[-1]}"
            mount_stop
        done
    done
    [[ $(control GET /counts | jq .artifacts) -ge 4 ]]
}

@test "the W&B host may redirect to storage; the credentials stay behind" {
    storage_fault status 2 status 404 operation '"model.pt"' # the URL, and a renewed one
    control POST /artifacts '{"redirect": true}' >/dev/null
    mount_start --no-cache
    run -0 read_file 60000
    [[ ${lines[-1]} == "$HASH" ]]
    [[ $(control GET /counts | jq .storage.authorized) == 0 ]]
}
