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

@test "writing name renames: old name unlisted, new path there, open files go on" {
    ls "$MNT/acme" >/dev/null
    run ! stat "$MNT/acme/renamed"
    exec 7<"$MODEL/description"
    local inode
    inode=$(stat -c %i "$MODEL")
    echo renamed >"$MODEL/name"
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
    eventually 60 save_arrived
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
    # shellcheck disable=SC2010
    run ! grep -qx model <(ls "$MNT/acme")
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
    eventually 60 is_sent
    upsert_registry "$ENTITY" model description '"theirs"'
    local status=0
    wait "$copying" || status=$?
    [[ $status -ne 0 ]]
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
