#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Short sessions under valgrind: no invalid access, and no block that is lost at exit.

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    printf '#!/bin/sh\nexec valgrind --leak-check=full --show-leak-kinds=definite,indirect \\
        --errors-for-leak-kinds=definite,indirect --error-exitcode=99 --num-callers=30 \\
        --child-silent-after-fork=yes --log-file="%s/valgrind.%%p" "%s" "$@"\n' "$TEST_DIR" "$REGISTRYFS" >checked
    chmod +x checked
    REGISTRYFS=$TEST_DIR/checked
}

teardown() {
    test_teardown
}

# One report that says so, however the program ended.
assert_no_complaint() {
    local reports=("$TEST_DIR"/valgrind.*)
    assert_equal "${#reports[@]}" 1
    [[ $(grep -cE 'HEAP SUMMARY|ERROR SUMMARY: 0 errors' "${reports[0]}") == 2 ]] || fail "$(cat "${reports[0]}")"
}

@test "browsing, reading, editing, an outage, a change of credentials, an unmount" {
    mount_start --ttl 1
    local model=$MNT/acme/model files=$MNT/acme/model/collections/churn/versions/v0/files
    find "$MNT" -ls >/dev/null
    cat "$files/model.pt" "$files/tokenizer/vocab.txt" >/dev/null
    ls "$MNT/acme/@name=model" "$model/collections/@tag=production" >/dev/null
    run ! ls "$MNT/acme/@{"
    getfattr -d -m - "$model/description" "$files/model.pt" >/dev/null
    echo restricted >"$model/visibility"
    run ! bash -c "echo nonsense >'$model/visibility'"
    echo text >"$model/description"
    echo other >"$model/scratch"
    mv "$model/scratch" "$model/description"
    assert_equal "$(server_value model description)" other
    mkdir "$MNT/acme/new"
    mv "$MNT/acme/new" "$MNT/acme/newer"
    rmdir "$MNT/acme/newer"
    fault status status 503
    run ! tee "$model/description" <<<'refused'
    run ! ls "$model/collections/@tag=gpu"
    control DELETE /faults >/dev/null
    kill -HUP "$PID"
    ls "$MNT/acme" >/dev/null
    cat "$MNT/.registryfs/status" "$MNT/.registryfs/errors" >/dev/null
    mount_stop
    assert_no_complaint
}

@test "SIGTERM with requests under way and a file open" {
    mount_start --ttl 1
    exec 7<"$MNT/acme/model/collections/churn/versions/v0/files/model.pt"
    head -c 100000 <&7 >/dev/null
    control POST /faults '{"kind": "hang", "times": -1}' >/dev/null
    ls "$MNT/Globex Research/vision/collections" 2>/dev/null 3>&- 7<&- &
    local waiting=$!
    eventually 60 request_is_held
    kill -TERM "$PID"
    wait_for_end "$PID" 30
    exec 7<&-
    wait "$waiting" || true
    assert_no_complaint
}

request_is_held() {
    [[ $(control GET /faults | jq '[.[].hits] | add') -ge 1 ]]
}

@test "a mount that fails: a wrong key, a source that is not there" {
    mkdir mountpoint
    WANDB_API_KEY=$(printf '%040d' 7) run -32 "$REGISTRYFS" --foreground mountpoint
    assert_no_complaint
    rm valgrind.*
    run -32 "$REGISTRYFS" --foreground acme/model/collections/nothing mountpoint
    assert_no_complaint
}
