#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Texts that could not be saved are kept (design 3).

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600
    MODEL=$MNT/acme/model
}

@test "only a save that the server has accepted ends what was kept, and ends all of it" {
    cat "$MODEL/description" >old
    refuse_upserts 403
    fails_with 'Permission denied' tee "$MODEL/description" <<<one
    fails_with 'Permission denied' tee "$MODEL/description" <<<two
    cp old "$MODEL/description"
    cp old "$MODEL/tmp"
    mv "$MODEL/tmp" "$MODEL/description"
    assert_equal "$(unsaved model/description)" two
    assert_equal "$(unsaved model/description~2)" one
    getfattr --only-values -n user.registryfs.error "$MODEL/description" | grep -q 'permission denied'
    control DELETE /faults
    # That of another attribute is none; nor is an empty text, which programs write on their way.
    echo restricted >"$MODEL/visibility"
    truncate -s 0 "$MODEL/description"
    assert_equal "$(unsaved model/description~2)" one
    echo three >"$MODEL/description"
    run ! stat "$MNT/.registryfs/unsaved/acme"
    run ! getfattr -n user.registryfs.error "$MODEL/description"
}

@test "texts that are kept stand side by side, the newest in front; the same again moves there" {
    refuse_upserts 403
    local text
    for text in one two three one; do
        fails_with 'Permission denied' tee "$MODEL/description" <<<"$text"
    done
    fails_with 'Permission denied' truncate -s 0 "$MODEL/description"
    assert_equal "$(unsaved model/description)" one
    assert_equal "$(unsaved model/description~2)" three
    assert_equal "$(unsaved model/description~3)" two
    # shellcheck disable=SC2012
    assert_equal "$(ls "$MNT/.registryfs/unsaved/acme/model" | wc -l)" 3
    mount_stop
    local state=$XDG_STATE_HOME/registryfs/unsaved/acme/model
    assert_equal "$(cat "$state/description" "$state/description~2" "$state/description~3")" $'one\nthree\ntwo'
}

@test "where there is no more room for kept texts the oldest goes to the state directory, and the error says so" {
    refuse_upserts 403
    head -c 1000000 /dev/zero | tr '\0' x >long
    python3 - "$MODEL/description" <<'PY'
import errno, os, sys
long = open("long", "rb").read()
for number in range(68):
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
    os.write(file, b"%d " % number + long)
    try:
        os.close(file)
        sys.exit("no error")
    except OSError as problem:
        assert problem.errno == errno.EACCES, problem
PY
    local state=$XDG_STATE_HOME/registryfs/unsaved/acme/model
    grep -q 'the oldest text there goes to the state directory' "$MNT/.registryfs/errors"
    getfattr --only-values -n user.registryfs.error "$MODEL/description" | grep -q 'goes to the state directory'
    grep -q "its text is in $state" "$LOG"
    mount_stop
    # All 68 are there, none cut.
    assert_equal "$(find "$state" -type f -size +1000000c | wc -l)" 68
    assert_equal "$(for text in "$state"/*; do head -c 2 "$text"; echo; done | sort -u | wc -l)" 68
}

@test "texts that are left are written to the state directory when the mount ends" {
    refuse_upserts 403
    fails_with 'Permission denied' tee "$MODEL/description" <<<'keep me'
    mount_stop
    assert_equal "$(cat "$XDG_STATE_HOME/registryfs/unsaved/acme/model/description")" 'keep me'
    grep -q "$XDG_STATE_HOME/registryfs/unsaved/acme/model/description" "$LOG"
}

@test "SIGTERM during a save: it ends at once, the text is kept" {
    control POST /faults '{"kind": "hang", "operation": "UpsertRegistry", "times": -1}' >/dev/null
    cp <(echo 'on its way') "$MODEL/description" 2>/dev/null &
    local copying=$!
    upsert_is_held() { [[ $(operation_count UpsertRegistry) -ge 1 ]]; }
    eventually 10 upsert_is_held
    kill -TERM "$PID"
    wait_for_end "$PID" 5
    wait "$copying" || true
    assert_equal "$(cat "$XDG_STATE_HOME/registryfs/unsaved/acme/model/description")" 'on its way'
}
