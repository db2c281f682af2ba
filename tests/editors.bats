#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real editors and tools, with their default settings, on attributes: saved exactly, with one
# upsert, nothing left behind; where the server refuses or is gone they say so wherever they can see
# it, and the text is kept. contrib/editor-matrix makes README's table of what is seen here.

load lib/helpers
load lib/editing
load lib/editors

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600 --timeout 3
    DATASET=$MNT/acme/dataset
}

teardown() {
    tmux -L "editing-$$" kill-server 2>/dev/null || true
    test_teardown
}

# --- tools without a terminal: run_NAME FILE ATTRIBUTE, the new text in new.ATTRIBUTE ---

run_echo() { bash -c 'echo "$(<"$2")" > "$1"' - "$1" "new.$2"; }
run_tee() { tee "$1" <"new.$2" >/dev/null; }
run_cat() { bash -c 'cat "$2" > "$1"' - "$1" "new.$2"; }
run_cp() { cp "new.$2" "$1"; }
run_cp_p() { cp -p "new.$2" "$1"; }
run_cp_b() { cp -b "new.$2" "$1"; }
run_mv() { cp "new.$2" moving && mv moving "$1"; }
run_mv_inside() { cp "new.$2" "${1%/*}/moving" && mv "${1%/*}/moving" "$1"; }
run_install() { install -m 644 "new.$2" "$1"; }
run_dd() { dd if="new.$2" of="$1" status=none; }
run_dd_notrunc() { dd if="new.$2" of="$1" conv=fsync status=none; }
run_truncate() { python3 -c 'import sys
file = open(sys.argv[1], "r+b"); file.truncate(0); file.write(open(sys.argv[2], "rb").read()); file.close()' \
    "$1" "new.$2"; }
run_sponge() { sponge "$1" <"new.$2"; }
run_jq() { jq -njr --rawfile text "new.$2" '$text' >"${1%/*}/new.tmp" && mv "${1%/*}/new.tmp" "$1"; }
run_python() { python3 -c 'import sys
with open(sys.argv[1], "w") as file: file.write(open(sys.argv[2]).read())' "$1" "new.$2"; }
run_python_replace() { python3 -c 'import os, sys
with open(sys.argv[1] + ".tmp", "w") as file:
    file.write(open(sys.argv[2]).read()); file.flush(); os.fsync(file.fileno())
os.replace(sys.argv[1] + ".tmp", sys.argv[1])' "$1" "new.$2"; }
run_patch() {
    diff -u "old.$2" "new.$2" >change.patch
    patch --quiet "$1" change.patch
}

run_git_apply() {
    (cd "${1%/*}" && sed "s,^\(---\|+++\) \(old\|new\)\..*,\1 a/$2," <"$TEST_DIR/change.patch" |
        git apply --unsafe-paths -p1 -)
}

run_rsync() { rsync "new.$2" "$1"; }
run_tar() {
    cp "new.$2" "$2" && tar cf new.tar "$2" && tar xf new.tar -C "${1%/*}"
}

run_sed() { sed -i "1s/.*/$(first_lines "$2" "$TOOL" | sed ':a;N;$!ba;s/\n/\\n/g')/" "$1"; }
run_perl() { NEW=$(first_lines "$2" "$TOOL") perl -i -pe 's/.*/$ENV{NEW}/ if $. == 1' "$1"; }
run_ed() { printf '1c\n%s\n.\nw\nq\n' "$(first_lines "$2" "$TOOL")" | ed -s "$1"; }
run_ex() { printf '1c\n%s\n.\nx\n' "$(first_lines "$2" "$TOOL")" | ex -s "$1"; }
run_vim_es() { vim -es -c "1delete" -c "0read first.$2" -c x "$1"; }
run_nvim_es() { nvim --headless -es -c "1delete" -c "0read first.$2" -c x "$1"; }
run_emacs_batch() {
    NEW=$(first_lines "$2" "$TOOL") emacs --batch "$1" --eval \
        '(progn (kill-line) (insert (getenv "NEW")) (save-buffer))'
}

# --- an attempt ---

# attempt KIND TOOL ATTRIBUTE: KIND is edit (in a terminal) or run.
attempt() {
    TOOL=$2 STATUS=0 SCREEN=
    write_expected "$3" "$2"
    first_lines "$3" "$2" >"first.$3"
    diff -u "old.$3" "new.$3" >"$TEST_DIR/change.patch" || true
    if [[ $1 == edit ]]; then
        "edit_$2" "$DATASET/$3" "$3"
        end_terminal "${PATIENCE:-15000}"
    else
        server_goes
        SCREEN=$(within 30000 "run_$2" "$DATASET/$3" "$3" 2>&1) || STATUS=$?
    fi
}

note() {
    [[ -z ${REGISTRYFS_MATRIX:-} ]] ||
        printf '%s\t%s\t%s\n' "$TOOL" "$1" "$2" >>"$REGISTRYFS_MATRIX"
}

assert_saved() {
    local attribute=$1
    [[ $STATUS == 0 ]] || fail "$TOOL on $attribute: $STATUS" "$SCREEN" || return
    assert_same_text <(LC_ALL=C sort "new.$attribute") <(LC_ALL=C sort "$DATASET/$attribute") || return
    assert_mutations 1 || return
    assert_no_leftover dataset || return
    assert_equal "$(on_server dataset | jq -c '[.access, (.artifactTypes | length)]')" "$(
        case $attribute in
        description) printf '["PRIVATE",2]' ;;
        visibility) printf '["RESTRICTED",2]' ;;
        artifact_types) printf '["PRIVATE",3]' ;;
        esac
    )" || return
    [[ $attribute == description ]] || cp old.description new.description
    server_description dataset >found
    assert_same_text new.description found
}

# Whether the tool let its user know.
says_so() {
    [[ $STATUS != 0 && $STATUS != running ]] ||
        grep -qiE 'error|denied|fail|cannot|E[0-9]+:|not saved|route' <<<"$SCREEN"
}

what_is_seen() {
    if says_so; then
        printf 'says so'
    elif [[ $STATUS == running ]]; then
        printf 'asks, does not quit'
    else
        printf 'silent'
    fi
}

assert_kept() {
    local attribute=$1 kept=$MNT/.registryfs/unsaved/acme/dataset/$1
    assert_equal "$(server_value dataset access)" PRIVATE || return
    if [[ -e $kept ]]; then
        assert_same_text "new.$attribute" "$kept"
    else
        says_so || fail "$TOOL: neither kept nor reported: $STATUS" "$SCREEN"
    fi
}

saves() {
    local attribute
    for attribute in description visibility artifact_types; do
        fresh_registry
        attempt "$1" "$2" "$attribute"
        assert_saved "$attribute" || return
    done
    note saves yes
}

is_refused() {
    fresh_registry
    refuse_upserts 403 'only registry admins may do this'
    PATIENCE=8000 attempt "$1" "$2" description
    assert_kept description || return
    note refused "$(what_is_seen)"
    cmp -s old.description "$DATASET/description" || fail "$2: the attribute does not show the server's text"
}

# The server goes while the text is being changed; in a terminal the editor has it open then.
finds_nobody() {
    fresh_registry
    GOES_AWAY=yes PATIENCE=8000 attempt "$1" "$2" description
    says_so || [[ -e $MNT/.registryfs/unsaved/acme/dataset/description ]] ||
        fail "$2: neither kept nor reported: $STATUS" "$SCREEN" || return
    cmp old.description "$DATASET/description" || return
    note gone "$(what_is_seen)"
}

works() {
    saves "$@"
    is_refused "$@"
    finds_nobody "$@"
}

@test "vim" { works edit vim; }
@test "neovim" { works edit nvim; }
@test "nano" { works edit nano; }
@test "emacs -nw" { works edit emacs; }
@test "micro" { works edit micro; }
@test "mcedit" { works edit mcedit; }
@test "joe" { works edit joe; }
@test "ne" { works edit ne; }
@test "kakoune" { works edit kak; }
@test "nvi" { works edit nvi; }
@test "ed" { works run ed; }
@test "ex -s" { works run ex; }
@test "vim -es" { works run vim_es; }
@test "nvim -es" { works run nvim_es; }
@test "emacs --batch" { works run emacs_batch; }
@test "sed -i" { works run sed; }
@test "perl -i" { works run perl; }
@test "echo >" { works run echo; }
@test "cat >" { works run cat; }
@test "tee" { works run tee; }
@test "cp" { works run cp; }
@test "cp -p" { works run cp_p; }
@test "cp -b" { works run cp_b; }
@test "mv from another filesystem" { works run mv; }
@test "mv within the directory" { works run mv_inside; }
@test "install" { works run install; }
@test "dd" { works run dd; }
@test "dd conv=fsync" { works run dd_notrunc; }
@test "truncate, then write" { works run truncate; }
@test "sponge" { works run sponge; }
@test "jq > tmp && mv" { works run jq; }
@test "python: open, write" { works run python; }
@test "python: os.replace" { works run python_replace; }
@test "patch" { works run patch; }
@test "git apply" { works run git_apply; }
@test "rsync" { works run rsync; }
@test "tar x" { works run tar; }

@test "echo >>" {
    fresh_registry
    echo 'one more line' >>"$DATASET/description"
    assert_equal "$(server_value dataset description | tail -n 1)" 'one more line'
    echo report >>"$DATASET/artifact_types"
    assert_equal "$(wc -l <"$DATASET/artifact_types")" 3
    assert_mutations 2
    assert_no_leftover dataset
}
