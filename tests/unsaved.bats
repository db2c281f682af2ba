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
    eventually 60 upsert_is_held
    kill -TERM "$PID"
    wait_for_end "$PID" 5
    wait "$copying" || true
    assert_equal "$(cat "$XDG_STATE_HOME/registryfs/unsaved/acme/model/description")" 'on its way'
}

# --- files that were put into a registry's directory ---

state_of() { cat "$XDG_STATE_HOME/registryfs/unsaved/acme/$1"; }
has_state() { [[ -s $XDG_STATE_HOME/registryfs/unsaved/acme/$1 ]]; }

@test "a file that was moved in is kept at unmount, and a line in errors says that it is memory only" {
    cd "$MODEL"
    echo 'my notes' >"$TEST_DIR/notes.txt"
    mv "$TEST_DIR/notes.txt" "$MODEL/"
    run ! stat "$TEST_DIR/notes.txt"
    grep -q 'create acme/model/notes.txt .*memory only, never on the server' "$MNT/.registryfs/errors"
    echo 'came by a rename' >.description.tmp
    mv .description.tmp renamed.txt
    grep -q 'rename acme/model/renamed.txt .*memory only' "$MNT/.registryfs/errors"
    echo linked >.description.tmp
    ln .description.tmp linked.txt
    grep -q 'link acme/model/linked.txt .*memory only' "$MNT/.registryfs/errors"
    : >empty.txt
    echo x >removed.txt
    rm removed.txt
    # Leftovers, and what was saved, are not kept, and no line speaks of them.
    echo x >description~
    echo x >.description.swp
    mv visibility copy-of-visibility
    echo saved >new
    mv new description
    run ! grep -E '(~|swp|\.tmp) .*memory only' "$MNT/.registryfs/errors"
    cd "$TEST_DIR"
    mount_stop
    assert_equal "$(state_of model/notes.txt)" 'my notes'
    assert_equal "$(state_of model/renamed.txt)" 'came by a rename'
    assert_equal "$(state_of model/linked.txt)" linked
    # shellcheck disable=SC2012
    assert_equal "$(ls -A "$XDG_STATE_HOME/registryfs/unsaved/acme/model" | tr '\n' ' ')" \
        'linked.txt notes.txt renamed.txt '
    grep -q "acme/model/notes.txt was not saved; its text is in $XDG_STATE_HOME" "$LOG"
    assert_mutations 1
}

@test "rmdir of a registry that holds a file is refused; of one with a leftover it is not" {
    mkdir "$MNT/acme/mine" "$MNT/acme/other"
    echo text >"$MNT/acme/mine/notes.txt"
    echo x >"$MNT/acme/other/description~"
    reset_counts
    fails_with 'Directory not empty' rmdir "$MNT/acme/mine"
    grep -q 'rmdir acme/mine ENOTEMPTY .*in memory only' "$MNT/.registryfs/errors"
    assert_mutations 0
    assert_equal "$(cat "$MNT/acme/mine/notes.txt")" text
    rmdir "$MNT/acme/other"
    assert_equal "$(on_server other)" ""
    mv "$MNT/acme/mine" "$MNT/acme/moved"
    assert_equal "$(cat "$MNT/acme/moved/notes.txt")" text
    setsid --wait rm "$MNT/acme/moved/notes.txt"
    setsid --wait rmdir "$MNT/acme/moved"
    assert_equal "$(on_server moved)" ""
}

@test "a file in a registry that somebody else removes or renames is kept" {
    mkdir "$MNT/acme/mine" "$MNT/acme/open"
    echo text >"$MNT/acme/mine/notes.txt"
    echo kept >"$MODEL/notes.txt"
    mount_start --ttl 600
    exec 7>"${MODEL%/*}/open/notes.txt" # now: what runs in the background would have it, too
    echo first >&7
    rm -f "$MNT/acme/mine/none"
    setsid --wait rmdir "$MNT/acme/mine" "$MNT/acme/open"
    mv "$MNT/acme/model" "$MNT/acme/renamed"
    touch "${MODEL%/*}"
    ls "${MODEL%/*}" >/dev/null
    eventually 60 has_state mine/notes.txt
    assert_equal "$(state_of mine/notes.txt)" text
    eventually 60 has_state model/notes.txt
    assert_equal "$(state_of model/notes.txt)" kept
    run ! has_state open/notes.txt
    echo second >&7
    exec 7>&-
    eventually 60 has_state open/notes.txt
    assert_equal "$(state_of open/notes.txt)" $'first\nsecond'
}

@test "a file that is open twice when its registry goes is kept with what the last handle wrote" {
    local organization=${MODEL%/*} kept=$XDG_STATE_HOME/registryfs/unsaved/acme/two/notes.txt
    mkdir "$organization/two"
    mount_start --ttl 600
    exec 7>"$organization/two/notes.txt" 8>>"$organization/two/notes.txt"
    echo first >&7
    setsid --wait rmdir "$MNT/acme/two"
    touch "$organization"
    ls "$organization" >/dev/null
    exec 7>&-
    echo second >&8
    exec 8>&-
    eventually 60 test -s "$kept"
    assert_equal "$(cat "$kept")" $'first\nsecond'
}

@test "SIGTERM keeps a file beside another of its name, for its owner alone" {
    local state=$XDG_STATE_HOME/registryfs/unsaved/acme/model
    mkdir -p "$state"
    echo old >"$state/notes.txt"
    echo new >"$MODEL/notes.txt"
    kill -TERM "$PID"
    wait_for_end "$PID" 10
    assert_equal "$(cat "$state/notes.txt")" old
    assert_equal "$(cat "$state"/notes.txt[.~]*)" new
    assert_equal "$(stat -c %a "$state"/notes.txt[.~]*)" 600
}
