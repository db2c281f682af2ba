#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Two mounts edit one registry at the same time. EDITING_SECONDS is how long each loop takes.

load lib/helpers
load lib/editing

setup_file() {
    suite_setup
    SECONDS_EACH=${EDITING_SECONDS:-60}
    export SECONDS_EACH
}

setup() {
    test_setup
    sandbox_start sample
    mount_start
    FIRST=$MNT
    mount_start
    SECOND=$MNT
}

# edit_for SECONDS MOUNT ATTRIBUTE NAME: writes "NAME 1", "NAME 2" … until the time is over; what the
# server accepted is added to NAME.good, what was refused, with the message, to NAME.bad.
edit_for() {
    local end=$(($(now_ms) + $1 * 1000)) count=0 message
    local file=$2/acme/model/$3 name=$4
    : >"$name.good"
    : >"$name.bad"
    while (($(now_ms) < end)); do
        count=$((count + 1))
        printf '%s %d\n' "$name" "$count" >"$name.text"
        if message=$(cp "$name.text" "$file" 2>&1); then
            printf '%s %d\n' "$name" "$count" >>"$name.good"
        else
            printf '%s %d: %s\n' "$name" "$count" "$message" >>"$name.bad"
            cmp -s "$name.text" "$2/.registryfs/unsaved/acme/model/$3" ||
                printf '%s %d: not kept\n' "$name" "$count" >>"$name.bad"
        fi
    done
}

toggle_for() {
    local end=$(($(now_ms) + $1 * 1000)) value=
    : >toggle.bad
    while (($(now_ms) < end)); do
        [[ $value == restricted ]] && value=organization || value=restricted
        bash -c "echo $value > '$2/acme/model/visibility'" 2>>toggle.bad
    done
    printf '%s\n' "$value" >toggle.last
}

@test "different attributes: no update is lost" {
    edit_for "$SECONDS_EACH" "$FIRST" description one 3>&- &
    local editing=$!
    toggle_for "$SECONDS_EACH" "$SECOND"
    wait "$editing"
    [[ -s one.good ]]
    assert_equal "$(cat one.bad toggle.bad)" ""
    assert_equal "$(server_value model description)" "$(tail -n 1 one.good)"
    assert_equal "$(cat "$SECOND/acme/model/visibility")" "$(cat toggle.last)"
    local wanted=PRIVATE
    [[ $(cat toggle.last) == organization ]] || wanted=RESTRICTED
    assert_equal "$(server_value model access)" "$wanted"
    touch "$FIRST/acme" "$SECOND/acme"
    assert_equal "$(cat "$SECOND/acme/model/description")" "$(tail -n 1 one.good)"
}

@test "the same attribute: every refusal is ESTALE, every refused text is kept" {
    edit_for "$SECONDS_EACH" "$FIRST" description one 3>&- &
    local editing=$!
    edit_for "$SECONDS_EACH" "$SECOND" description two
    wait "$editing"
    [[ -s one.good && -s two.good ]]
    run ! grep -v 'Stale file handle' one.bad two.bad
    grep -qxF -h "$(server_value model description)" one.good two.good
}
