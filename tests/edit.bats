#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The rules of editing (design 3), with the shell and small tools. Editors: editors.bats.

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600
    MODEL=$MNT/acme/model
}

# --- one-line values ---

@test "echo of a wrong value is refused by write, and nothing is sent" {
    run -1 bash -c "echo public > '$MODEL/visibility'"
    [[ $output == *"Invalid argument"* ]]
    assert_mutations 0
    assert_equal "$(cat "$MODEL/visibility")" organization
    assert_equal "$(unsaved model/visibility)" public
}

@test "a beginning that can become nothing legal is refused without a newline, too" {
    run -1 bash -c "printf public > '$MODEL/visibility'"
    run -1 bash -c "printf yes > '$MODEL/allow_all_artifact_types'"
    run -1 bash -c "printf 'a/b' > '$MODEL/name'"
    run -1 bash -c "echo restricted >> '$MODEL/visibility'"
    assert_mutations 0
}

@test "echo of a value sends one upsert with that attribute alone" {
    upsert_registry "$ENTITY" model description '"changed by somebody else"'
    reset_counts
    echo restricted >"$MODEL/visibility"
    assert_mutations 1
    assert_equal "$(last_upsert)" \
        '{"entityName":"acme-org-entity","name":"wandb-registry-model","access":"RESTRICTED"}'
    assert_equal "$(server_value model description)" "changed by somebody else"
    assert_equal "$(server_value model access)" RESTRICTED
    assert_equal "$(cat "$MODEL/visibility" "$MODEL/description")" $'restricted\nchanged by somebody else'
}

@test "surrounding blanks and a missing newline do not matter" {
    printf '  restricted \n' >"$MODEL/visibility"
    assert_equal "$(server_value model access)" RESTRICTED
    printf organization >"$MODEL/visibility"
    assert_equal "$(server_value model access)" PRIVATE
    printf 'false' | tee "$MODEL/allow_all_artifact_types"
    assert_equal "$(server_value model allowAllArtifactTypesInRegistry)" false
}

@test "the value that is there already is a success without a request" {
    echo restricted >"$MODEL/visibility"
    local before
    before=$(stat -c '%Y %s %i' "$MODEL/description")
    reset_counts
    echo restricted >"$MODEL/visibility"
    cp "$MODEL/description" copy
    cp copy "$MODEL/description"
    assert_mutations 0
    assert_equal "$(stat -c '%Y %s %i' "$MODEL/description")" "$before"
}

# --- texts ---

@test "a text of 10 KB arrives as it is, in one upsert" {
    long_text >text
    cp text "$MODEL/description"
    assert_mutations 1
    server_description model >found
    assert_same_text text found
    assert_same_text text "$MODEL/description"
    assert_equal "$(stat -c %s "$MODEL/description")" "$(stat -c %s text)"
}

@test "exactly one newline is taken off" {
    printf 'two\n\n' >"$MODEL/description"
    assert_equal "$(on_server model | jq -c .description)" '"two\n"'
    assert_equal "$(od -An -c "$MODEL/description" | tr -d ' ')" 'two\n\n'
    printf none >"$MODEL/description"
    assert_equal "$(on_server model | jq -c .description)" '"none"'
}

@test "a shell's text in many writes is one upsert" {
    bash -c "for i in 1 2 3 4 5; do echo line \$i; done > '$MODEL/description'"
    assert_mutations 1
    assert_equal "$(server_value model description | wc -l)" 5
}

@test "append works on what is there now" {
    cat "$MODEL/description" >/dev/null
    upsert_registry "$ENTITY" model description '"grown by somebody else"'
    sleep 1.1
    echo more >>"$MODEL/description"
    assert_equal "$(server_value model description)" $'grown by somebody else\nmore'
}

@test "an emptied file: truncate, redirection of nothing, open and close" {
    truncate -s 0 "$MODEL/description"
    assert_equal "$(server_value model description)" ""
    echo x >"$MODEL/description"
    : >"$MODEL/description"
    assert_equal "$(server_value model description)" ""
    echo x >"$MODEL/description"
    python3 -c "import os; os.truncate('$MODEL/description', 0)"
    assert_equal "$(server_value model description)" ""
    echo x >"$MODEL/description"
    cp /dev/null "$MODEL/description"
    eventually 5 [ ! -s "$MODEL/description" ]
    assert_equal "$(server_value model description)" ""
    assert_mutations 7
}

@test "an emptied file that must not be empty is back" {
    truncate -s 0 "$MODEL/visibility"
    : >"$MODEL/visibility"
    : >"$MODEL/name"
    assert_equal "$(cat "$MODEL/visibility" "$MODEL/name")" $'organization\nmodel'
    assert_mutations 0
}

@test "a handle that writes nothing saves nothing" {
    exec 7>>"$MODEL/description" 8<>"$MODEL/visibility"
    exec 7>&- 8>&-
    python3 -c "import os; os.close(os.open('$MODEL/description', os.O_WRONLY | os.O_CREAT))"
    assert_mutations 0
}

@test "what is no text is refused, and what is too long" {
    fails_with 'Invalid argument' bash -c "printf 'a\xffb\n' > '$MODEL/description'"
    fails_with 'Invalid argument' bash -c "printf 'a\0b\n' > '$MODEL/description'"
    fails_with 'File too large' bash -c "head -c 1048578 /dev/zero | tr '\0' x > '$MODEL/description'"
    fails_with 'Invalid argument' cp <(printf 'cut in a character \xe2\x82') "$MODEL/description"
    assert_mutations 0
    head -c 1048576 /dev/zero | tr '\0' x >"$MODEL/description"
    assert_equal "$(server_value model description | wc -c)" 1048577
}

# --- artifact_types ---

@test "artifact types are added, never removed" {
    cd "$MNT/acme/dataset"
    echo model >>artifact_types
    assert_mutations 1
    assert_equal "$(last_upsert | jq -c .artifactTypes)" '[{"name":"model"}]'
    assert_equal "$(LC_ALL=C sort artifact_types)" $'dataset\nevaluation-set\nmodel'
    reset_counts
    fails_with 'Operation not permitted' cp <(echo dataset) artifact_types
    fails_with 'Operation not permitted' sed -i /model/d artifact_types
    assert_mutations 0
    assert_equal "$(wc -l <artifact_types)" 3
    printf '\n  \ndataset\ndataset\nevaluation-set\nmodel\nreport\nreport\n\n' >artifact_types
    assert_equal "$(last_upsert | jq -c .artifactTypes)" '[{"name":"report"}]'
    reset_counts
    fails_with 'Invalid argument' tee -a artifact_types <<<'no/slash'
    assert_mutations 0
}

@test "no type can be added while all are allowed" {
    fails_with 'Invalid argument' tee -a "$MODEL/artifact_types" <<<report
    assert_mutations 0
    echo false >"$MODEL/allow_all_artifact_types"
    echo report >>"$MODEL/artifact_types"
    assert_equal "$(server_value model 'artifactTypes | sort | join(" ")')" "model report"
}

# --- name ---

@test "names that break the rules are refused and nothing is sent" {
    local name
    for name in 'a/b' 'a\b' 'a#b' 'a?b' 'a%b' 'a:b'; do
        fails_with 'Invalid argument' bash -c 'printf "%s\n" "$1" > "$2"' - "$name" "$MODEL/name"
    done
    fails_with 'File name too long' bash -c "printf '%0114d\n' 7 > '$MODEL/name'"
    fails_with 'File exists' bash -c "printf 'dataset\n' > '$MODEL/name'"
    assert_mutations 0
    assert_equal "$(cat "$MODEL/name")" model
    printf '%0113d\n' 7 >"$MODEL/name"
    [[ -d $MNT/acme/$(printf %0113d 7) ]]
}

@test "writing name renames: old path gone, new path there, open files go on" {
    ls "$MNT/acme" >/dev/null
    run ! stat "$MNT/acme/renamed"
    exec 7<"$MODEL/description"
    local inode
    inode=$(stat -c %i "$MODEL")
    echo renamed >"$MODEL/name"
    run ! stat "$MODEL"
    assert_equal "$(cat "$MNT/acme/renamed/full_name")" wandb-registry-renamed
    # shellcheck disable=SC2010
    ls "$MNT/acme" | grep -qx renamed
    run ! grep -qx model <(ls "$MNT/acme")
    grep -q production <&7
    exec 7<&-
    assert_equal "$(stat -c %i "$MNT/acme/renamed")" "$inode"
    control POST /counts/reset
    touch "$MNT/acme"
    assert_equal "$(stat -c %i "$MNT/acme/renamed")" "$inode"
    assert_equal "$(server_value renamed name)" wandb-registry-renamed
}

# --- objects ---

@test "mkdir creates, with the visibility of its mode" {
    mkdir "$MNT/acme/new"
    mkdir -m 700 "$MNT/acme/secret"
    assert_equal "$(cat "$MNT/acme/new/visibility" "$MNT/acme/secret/visibility")" $'organization\nrestricted'
    assert_equal "$(server_value new access) $(server_value secret access)" 'PRIVATE RESTRICTED'
    assert_equal "$(server_value new allowAllArtifactTypesInRegistry)" true
    echo 'first text' >"$MNT/acme/new/description"
    assert_equal "$(server_value new description)" 'first text'
}

@test "mkdir of what exists changes nothing, also when it has just appeared" {
    local before
    before=$(on_server model)
    fails_with 'File exists' mkdir "$MODEL"
    run ! stat "$MNT/acme/appeared"
    upsert_registry "$ENTITY" appeared description '"mine"' access '"RESTRICTED"'
    fails_with 'File exists' mkdir "$MNT/acme/appeared"
    assert_equal "$(on_server model)" "$before"
    assert_equal "$(server_value appeared access)" RESTRICTED
    assert_mutations 0
}

@test "inserted: false is reported loudly" {
    control POST /faults '{"kind": "inserted_false", "operation": "UpsertRegistry"}' >/dev/null
    fails_with 'File exists' mkdir "$MNT/acme/raced"
    grep -q 'raced.*EEXIST' "$MNT/.registryfs/errors"
}

# mkdir of a registry that somebody else makes between its look and its upsert: race MEMBER VALUE…
race() {
    local pid
    control POST /faults '{"kind": "delay", "ms": 8000, "operation": "UpsertRegistry"}' >/dev/null
    mkdir "$MNT/acme/raced" 2>complaint &
    pid=$!
    eventually 20 looked_for_raced
    upsert_registry "$ENTITY" raced description '"theirs"' "$@"
    wait "$pid" || true
    grep -q 'File exists' complaint
}

looked_for_raced() {
    control GET '/requests?last=20&target=graphql' |
        jq -e 'any(.[]; .operation == "UpsertRegistry")' >/dev/null
}

@test "two mkdir of one name: who loses makes nobody's restricted registry visible" {
    race access '"RESTRICTED"'
    assert_equal "$(server_value raced access) $(server_value raced description)" 'RESTRICTED theirs'
    grep -q 'raced.*EEXIST.*at the same moment' "$MNT/.registryfs/errors"
    assert_equal "$(last_upsert | jq -r .access)" RESTRICTED
}

@test "mkdir: created restricted, then opened; -m 700 is one upsert" {
    mkdir "$MNT/acme/open"
    assert_mutations 2
    assert_equal "$(last_upsert | jq -c 'del(.entityName)')" '{"name":"wandb-registry-open","access":"PRIVATE"}'
    reset_counts
    mkdir -m 700 "$MNT/acme/closed"
    assert_mutations 1
    assert_equal "$(server_value open access) $(server_value closed access)" 'PRIVATE RESTRICTED'
}

@test "mkdir that cannot be opened says so, and is there, restricted" {
    control POST /faults '{"kind": "status", "status": 403, "operation": "UpsertRegistry", "after": 1}' >/dev/null
    fails_with 'Permission denied' mkdir "$MNT/acme/half"
    assert_equal "$(server_value half access)" RESTRICTED
    grep -q 'EACCES .*half is created and still restricted' "$MNT/.registryfs/errors"
    touch "$MNT/acme"
    echo organization >"$MNT/acme/half/visibility"
    assert_equal "$(server_value half access)" PRIVATE
}

@test "mkdir is refused where it makes no sense" {
    fails_with 'Operation not permitted' mkdir "$MNT/other"
    fails_with 'Operation not permitted' mkdir "$MODEL/sub"
    fails_with 'Read-only file system' mkdir "$MODEL/collections/sub"
    fails_with 'Operation not permitted' mkdir "$MNT/acme/.hidden"
    fails_with 'Invalid argument' mkdir "$MNT/acme/a:b"
    run ! mkdir "$MNT/acme/@x"
    assert_mutations 0
}

@test "mv renames a registry; over another one, and between organizations, it does not" {
    mv "$MODEL" "$MNT/acme/moved"
    assert_equal "$(cat "$MNT/acme/moved/name")" moved
    run ! stat "$MODEL"
    reset_counts
    python3 - "$MNT" <<'PY'
import errno, os, sys
os.chdir(sys.argv[1])
def refused(wanted, old, new):
    try:
        os.rename(old, new)
    except OSError as problem:
        assert problem.errno == wanted, problem
    else:
        raise SystemExit("not refused: " + new)
refused(errno.EEXIST, "acme/moved", "acme/dataset")
refused(errno.EPERM, "acme/moved", "Globex Research/moved")
refused(errno.EPERM, "acme/moved", "acme/dataset/moved")
refused(errno.EPERM, "acme/moved", "acme/a:b")
PY
    assert_mutations 0
}

@test "rmdir asks whether there are collections, and sends nothing when there are" {
    fails_with 'Directory not empty' rmdir "$MODEL"
    assert_mutations 0
    mkdir "$MNT/acme/empty"
    rmdir "$MNT/acme/empty"
    run ! stat "$MNT/acme/empty"
    assert_equal "$(on_server empty)" ""
}

@test "rm -rf deletes nothing" {
    run ! rm -rf "$MODEL"
    run ! rm -rf "$MNT/acme"
    assert_mutations 0
    eventually 5 assert_no_leftover model
}

@test "--rmdir never and any" {
    mount_stop
    mount_start --rmdir never
    fails_with 'Operation not permitted' rmdir "$MNT/acme/model"
    mount_stop
    mount_start --rmdir any
    run ! setsid --wait rm -rf "$MNT/acme/model" # another terminal's
    assert_mutations 0
    rmdir "$MNT/acme/model"
    assert_equal "$(on_server model)" ""
}

@test "-o ro refuses every change with EROFS, and shows it" {
    mount_stop
    mount_start -o ro
    cd "$MNT/acme/model"
    assert_equal "$(stat -c %a name description visibility)" $'444\n444\n444'
    local command
    for command in 'echo x > description' 'echo x > new' 'mv description x' 'rm description' \
        'ln -s a b' 'mkdir ../x' 'rmdir ../model' 'mv ../model ../x' 'chmod 600 name' 'truncate -s 0 name'; do
        fails_with 'Read-only file system' bash -c "$command"
    done
    assert_mutations 0
}

# --- scratch files and the ways to replace a file ---

@test "scratch files are there, and never on the server" {
    cd "$MODEL"
    local before
    before=$(on_server model)
    echo one >.description.swp
    ln -s user@host.123 .#description
    ln .description.swp copy
    mv copy description~
    assert_equal "$(readlink .#description)" user@host.123
    assert_equal "$(cat .description.swp description~)" $'one\none'
    # shellcheck disable=SC2010
    assert_equal "$(ls -A | grep -c description)" 4
    echo two >>.description.swp
    assert_equal "$(cat .description.swp)" $'one\ntwo'
    chmod 600 .description.swp
    assert_equal "$(stat -c %a .description.swp)" 600
    rm .description.swp .#description description~
    assert_no_leftover model
    assert_mutations 0
    assert_equal "$(on_server model)" "$before"
}

@test "scratch files are bounded: 64 of them, 1 MiB each, 8 MiB together" {
    cd "$MODEL"
    local i
    for i in {1..64}; do : >"s$i"; done
    fails_with 'No space left on device' touch s65
    fails_with 'No space left on device' dd if=/dev/zero of=s1 bs=1M count=2 status=none
    rm s*
    for i in {1..8}; do head -c 1048576 /dev/zero >"s$i"; done
    fails_with 'No space left on device' dd if=/dev/zero of=s9 bs=1k count=1 status=none
    rm s*
    assert_no_leftover model
}

@test "an attribute that was removed or renamed away is back after 2 s, unchanged" {
    cd "$MODEL"
    rm description
    run ! stat description
    eventually 5 stat description
    mv description backup
    run ! stat description
    grep -q production backup
    eventually 5 stat description
    grep -q production description
    assert_mutations 0
    rm backup
}

@test "whoever creates it meanwhile writes the attribute" {
    cd "$MODEL"
    rm description
    bash -c 'set -C; echo new > description'
    assert_equal "$(server_value model description)" new
    assert_mutations 1
}

@test "a rename over an attribute saves it: inode number and time are the file's" {
    cd "$MODEL"
    echo replaced >tmp
    touch -d '2020-01-01 00:00:00.5' tmp
    local inode
    inode=$(stat -c '%i %y' tmp)
    mv tmp description
    assert_equal "$(server_value model description)" replaced
    assert_equal "$(stat -c '%i %y' description)" "$inode"
    echo again >description
    [[ $(stat -c '%i %y' description) != "$inode" ]]
    assert_no_leftover model
}

@test "the flags of rename" {
    cd "$MODEL"
    echo x >tmp
    python3 - <<'PY'
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def rename2(flags):
    result = libc.renameat2(-100, b"tmp", -100, b"description", flags)
    return ctypes.get_errno() if result else 0
assert rename2(1) == errno.EEXIST
assert rename2(2) == errno.EINVAL
PY
    assert_mutations 0
    rm tmp
}

@test "chmod, chown and touch of an attribute succeed and change nothing; setxattr is not supported" {
    cd "$MODEL"
    local before
    before=$(stat -c '%a %u %Y' description)
    chmod 600 description
    chown 12345 description
    touch -d 2001-01-01 description
    assert_equal "$(stat -c '%a %u %Y' description)" "$before"
    fails_with 'Operation not supported' setfattr -n user.x -v y description
    assert_mutations 0
}

# --- failures ---

@test "a refused save: errno, the server's words, the text, the old file" {
    local before
    before=$(stat -c '%s %Y' "$MODEL/description")
    refuse_upserts 403 'only registry admins may do this'
    long_text >text
    fails_with 'Permission denied' cp text "$MODEL/description"
    assert_equal "$(stat -c '%s %Y' "$MODEL/description")" "$before"
    grep -q production "$MODEL/description"
    grep -q 'save acme/model/description EACCES.*only registry admins may do this' "$MNT/.registryfs/errors"
    getfattr --only-values -n user.registryfs.error "$MODEL/description" | grep -q 'only registry admins'
    assert_same_text text "$MNT/.registryfs/unsaved/acme/model/description"
    control DELETE /faults
    cp "$MNT/.registryfs/unsaved/acme/model/description" "$MODEL/description"
    run ! getfattr -n user.registryfs.error "$MODEL/description"
    run ! stat "$MNT/.registryfs/unsaved/acme"
    server_description model >found
    assert_same_text text found
}

@test "an error sticks to its handle" {
    refuse_upserts 403
    python3 - "$MODEL" <<'PY'
import errno, os, sys
os.chdir(sys.argv[1])
def fails(call, wanted):
    try:
        call()
    except OSError as problem:
        assert problem.errno == wanted, problem
    else:
        raise SystemExit("no error")
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"text\n")
for _ in range(2):
    fails(lambda: os.fsync(file), errno.EACCES)
fails(lambda: os.write(file, b"x"), errno.EACCES)
fails(lambda: os.close(file), errno.EACCES)
file = os.open("visibility", os.O_WRONLY | os.O_TRUNC)
fails(lambda: os.write(file, b"nonsense\n"), errno.EINVAL)
fails(lambda: os.fsync(file), errno.EIO)
fails(lambda: os.close(file), errno.EINVAL)
PY
}

@test "somebody else has changed the same attribute: ESTALE, nothing is sent" {
    exec 7>>"$MODEL/description"
    upsert_registry "$ENTITY" model description '"theirs"'
    reset_counts
    fails_with 'Stale file handle' bash -c 'cat >&7 <<<mine'
    exec 7>&- || true
    assert_mutations 0
    assert_equal "$(cat "$MODEL/description")" theirs
    unsaved model/description | grep -qx mine
}

@test "an unreachable server is seen at open; a rename keeps its file" {
    cat "$MODEL/description" >/dev/null
    echo mine >"$MODEL/tmp"
    sandbox_stop
    sleep 1.1
    fails_with 'No route to host' bash -c "echo x > '$MODEL/description'"
    fails_with 'No route to host' mv "$MODEL/tmp" "$MODEL/description"
    assert_equal "$(cat "$MODEL/tmp")" mine
    assert_equal "$(unsaved model/description)" mine
    grep -q production "$MODEL/description"
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

@test "texts of a write that did not fit are not saved as what fitted" {
    python3 - "$MODEL" <<'PY'
import errno, os, sys
os.chdir(sys.argv[1])
def fails(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as problem:
        assert problem.errno == number, problem
    else:
        raise SystemExit("no error")
for name, number in ("new", errno.ENOSPC), ("description", errno.EFBIG):
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(file, b"it begins\n")
    fails(number, os.pwrite, file, b"x" * 4096, 3 << 20)
    fails(number, os.fsync, file)
    fails(number, os.close, file)
fails(errno.ENOSPC, os.rename, "new", "description")
PY
    assert_mutations 0
    grep -q production "$MODEL/description"
    echo anew >"$MODEL/new"
    mv "$MODEL/new" "$MODEL/description"
    assert_equal "$(server_value model description)" anew
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

@test "Ctrl-C ends the waiting, not the save" {
    control POST /faults '{"kind": "delay", "operation": "UpsertRegistry", "ms": 2000}' >/dev/null
    cp <(echo slow) "$MODEL/description" &
    local copying=$!
    eventually 5 [ "$(mutations)" -ge 0 ]
    sleep 0.5
    kill -INT "$copying" || true
    kill -TERM "$copying"
    local start
    start=$(now_ms)
    wait "$copying" || true
    [[ $(($(now_ms) - start)) -lt 1500 ]]
    save_arrived() { [[ $(server_value model description) == slow && $(cat "$MODEL/description") == slow ]]; }
    eventually 10 save_arrived
    assert_mutations 1
}

# fault_table ERRNO-TEXT KIND [MEMBER VALUE]…: a save of the description under this fault.
save_under() {
    local text=$1 kind=$2 json
    shift 2
    json=$(jq -nc --arg kind "$kind" '{operation: "UpsertRegistry", kind: $kind, times: -1}')
    while [[ $# -gt 0 ]]; do
        json=$(jq -c --arg member "$1" --argjson value "$2" '.[$member] = $value' <<<"$json")
        shift 2
    done
    control POST /faults "$json" >/dev/null
    run -- within 30000 cp <(echo "text of $kind") "$MODEL/description"
    control DELETE /faults >/dev/null
    [[ $status -ne 0 && $status -ne 124 ]] || fail "$kind: status $status" || return
    [[ $output == *"$text"* ]] || fail "$kind: $output" || return
    assert_equal "$(unsaved model/description)" "text of $kind" || return
    [[ $(mutations) -eq 1 ]] || fail "$kind: sent $(mutations) times" || return
    server_description model >found
    assert_same_text found "$MODEL/description" || return
    reset_counts
}

@test "every fault of the answer: errno, the true state, the text; never sent twice" {
    mount_stop
    mount_start --timeout 2
    MODEL=$MNT/acme/model
    save_under 'Input/output error' status status 500
    save_under 'Device or resource busy' status status 429 headers '{"Retry-After": "60"}'
    save_under 'Input/output error' html
    save_under 'Input/output error' bad_json
    save_under 'Input/output error' data_null
    save_under 'Permission denied' unauthorized_text
    save_under 'Invalid argument' errors status 400 errors '[{"message": "description: not nice"}]' data '"null"'
    save_under 'File too large' status status 413
    save_under 'timed out' hang
    save_under 'Stale file handle' set_at path '["upsertModel", "inserted"]' value true
}

@test "an answer that was lost is looked up: the save has happened, and once" {
    control POST /faults '{"kind": "lose_answer", "operation": "UpsertRegistry", "times": 1}' >/dev/null
    cp <(echo arrived) "$MODEL/description"
    assert_equal "$(server_value model description)" arrived
    assert_mutations 1
    control POST /faults '{"kind": "cut", "operation": "UpsertRegistry", "after_bytes": 10}' >/dev/null
    cp <(echo 'cut off') "$MODEL/description"
    assert_equal "$(cat "$MODEL/description")" 'cut off'
    control POST /faults '{"kind": "lose_answer", "operation": "RenameRegistry", "times": 1}' >/dev/null
    echo lost >"$MODEL/name"
    [[ -d $MNT/acme/lost ]]
    run ! stat "$MODEL"
}

@test "an answer that is an error, although the change was made: a save, and a line in errors" {
    local kind number=0
    for kind in '"status", "status": 500' '"status", "status": 400' '"status", "status": 403' '"status", "status": 409' \
        '"errors", "status": 200, "errors": [{"message": "half done"}], "data": "keep"' \
        '"errors", "status": 403, "errors": [{"message": "permission denied"}], "data": "null"' '"bad_json"'; do
        number=$((number + 1))
        reset_counts
        control POST /faults "{\"operation\": \"UpsertRegistry\", \"execute\": true, \"kind\": $kind}" >/dev/null
        cp <(echo "text $number") "$MODEL/description"
        assert_equal "$(server_value model description)" "text $number"
        assert_equal "$(cat "$MODEL/description")" "text $number"
        assert_mutations 1
        run -0 grep -c 'it is done, as reading again shows' "$MNT/.registryfs/errors"
        assert_equal "$output" "$number"
    done
    run ! stat "$MNT/.registryfs/unsaved/acme"
    control POST /faults '{"operation": "UpsertRegistry", "execute": true, "kind": "status", "status": 403}' >/dev/null
    bash -c "echo restricted > '$MODEL/visibility'"
    control POST /faults '{"operation": "RenameRegistry", "execute": true, "kind": "status", "status": 500}' >/dev/null
    mv "$MODEL" "$MNT/acme/moved"
    [[ $(server_value moved access) == RESTRICTED ]]
    control POST /faults '{"operation": "UpsertRegistry", "execute": true, "kind": "status", "status": 500}' >/dev/null
    mkdir "$MNT/acme/made"
    control POST /faults '{"operation": "DeleteRegistry", "execute": true, "kind": "status", "status": 403}' >/dev/null
    rmdir "$MNT/acme/made"
    run ! stat "$MNT/acme/made"
}

@test "twin: an error where somebody else has made another change is an error" {
    control POST /faults '{"operation": "UpsertRegistry", "kind": "delay", "ms": 2000}' >/dev/null
    control POST /faults '{"operation": "UpsertRegistry", "kind": "status", "status": 500}' >/dev/null
    cp <(echo mine) "$MODEL/description" 2>message &
    local copying=$!
    is_sent() { [[ $(mutations) -ge 1 ]]; }
    eventually 20 is_sent
    upsert_registry "$ENTITY" model description '"theirs"'
    run ! wait "$copying"
    grep -q 'Input/output error' message
    assert_equal "$(unsaved model/description)" mine
    touch "$MNT/acme"
    assert_equal "$(cat "$MODEL/description")" theirs
}

@test "a refused rename leaves the name, everywhere" {
    control POST /faults '{"kind": "errors", "operation": "RenameRegistry", "status": 403, "times": -1,
        "errors": [{"message": "permission denied"}], "data": "null"}' >/dev/null
    fails_with 'Permission denied' mv "$MODEL" "$MNT/acme/moved"
    fails_with 'Permission denied' bash -c "echo moved > '$MODEL/name'"
    assert_equal "$(cat "$MODEL/name")" model
    run ! stat "$MNT/acme/moved"
    assert_equal "$(unsaved model/name)" moved
}
