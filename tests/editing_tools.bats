#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real tools without a terminal, with their default settings, on attributes: saved exactly, with one
# upsert, nothing left behind; where the server refuses or is gone they say so wherever they can see
# it, and the text is kept. contrib/editor-matrix makes contrib/editors.md of what is seen here.

load lib/helpers
load lib/editing
load lib/attempts

setup_file() { programs_setup_file; }

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
run_patch() { patch --quiet "$1" change.patch; }

run_git_apply() {
    sed "s,^\(---\|+++\) \(old\|new\)\..*,\1 a/$2," change.patch >git.patch
    (cd "${1%/*}" && git apply --unsafe-paths -p1 "$OLDPWD/git.patch")
}

run_rsync() { rsync "new.$2" "$1"; }
run_tar() {
    cp "new.$2" "$2" && tar cf new.tar "$2" && tar xf new.tar -C "${1%/*}"
}

run_sed() { sed -i "1s/.*/$(sed ':a;N;$!ba;s/\n/\\n/g' "first.$2")/" "$1"; }
run_perl() { NEW=$(<"first.$2") perl -i -pe 's/.*/$ENV{NEW}/ if $. == 1' "$1"; }
run_ed() { printf '1c\n%s\n.\nw\nq\n' "$(<"first.$2")" | ed -s "$1"; }
run_ex() { printf '1c\n%s\n.\nx\n' "$(<"first.$2")" | ex -s "$1"; }
run_vim_es() { vim -es -c "1delete" -c "0read first.$2" -c x "$1"; }
run_nvim_es() { nvim --headless -es -c "1delete" -c "0read first.$2" -c x "$1"; }
run_emacs_batch() {
    NEW=$(<"first.$2") emacs --batch "$1" --eval \
        '(progn (kill-line) (insert (getenv "NEW")) (save-buffer))'
}

# shellcheck disable=SC2034 # of lib/attempts
attempt_now() {
    server_goes || return
    SCREEN=$(within 60000 "run_$TOOL" "$1" "$2" 2>&1) || STATUS=$?
}

@test "ed" { works ed; }
@test "ex -s" { works ex; }
@test "vim -es" { works vim_es; }
@test "nvim -es" { works nvim_es; }
@test "emacs --batch" { works emacs_batch; }
@test "sed -i" { works sed; }
@test "perl -i" { works perl; }
@test "echo >" { works echo; }
@test "cat >" { works cat; }
@test "tee" { works tee; }
@test "cp" { works cp; }
@test "cp -p" { works cp_p; }
@test "cp -b" { works cp_b; }
@test "mv from another filesystem" { works mv; }
@test "mv within the directory" { works mv_inside; }
@test "install" { works install; }
@test "dd" { works dd; }
@test "dd conv=fsync" { works dd_notrunc; }
@test "truncate, then write" { works truncate; }
@test "sponge" { works sponge; }
@test "jq > tmp && mv" { works jq; }
@test "python: open, write" { works python; }
@test "python: os.replace" { works python_replace; }
@test "patch" { works patch; }
@test "git apply" { works git_apply; }
@test "rsync" { works rsync; }
@test "tar x" { works tar; }

@test "the server goes" {
    find_nobody ed ex vim_es nvim_es emacs_batch sed perl echo cat tee cp cp_p cp_b mv mv_inside install dd \
        dd_notrunc truncate sponge jq python python_replace patch git_apply rsync tar
}

@test "echo >>" {
    fresh_registry echo_append
    reset_counts
    echo 'one more line' >>"$REGISTRY_DIR/description"
    assert_equal "$(server_value "$REGISTRY" description | tail -n 1)" 'one more line'
    echo report >>"$REGISTRY_DIR/artifact_types"
    assert_equal "$(wc -l <"$REGISTRY_DIR/artifact_types")" 3
    assert_mutations 2
    assert_no_leftover "$REGISTRY"
}
