#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Recursive deleters and movers: what they do to a mount must not reach the server, since nobody who
# types such a command means the registries of an organization. A plain rmdir works.

load lib/helpers
load lib/editing

setup_file() {
    suite_setup
    sandbox_start sample
}

# Registries without collections: those that an rmdir may delete.
setup() {
    test_setup
    control POST /seed '"sample"' >/dev/null
    upsert_registry "$ENTITY" plans description '"plans of acme"'
    upsert_registry "$ENTITY" other description '"another one"'
    mount_start
    mkdir nothing there
    reset_counts
}

teardown() {
    mc_tmux kill-server 2>/dev/null || true
    test_teardown
}

# A session of its own, as of another terminal: what the last tool did is not known of this one.
alone() {
    setsid --wait "$@" </dev/null >>tool.log 2>&1
}

# assert_harmless COMMAND…: it may fail or not, and sends nothing.
assert_harmless() {
    printf '$ %s\n' "$*" >>tool.log
    alone timeout 120 "$@" || true
    [[ $(mutations) -eq 0 ]] || fail "sent by: $*" "$(control GET /counts | jq -c .operations)" "$(cat tool.log)"
}

@test "find: -delete, -exec and -execdir rmdir, over all and over one" {
    local path
    for path in "$MNT/acme" "$MNT/acme/plans"; do
        assert_harmless find "$path" -delete
        assert_harmless find "$path" -depth -type d -exec rmdir '{}' ';'
    done
    assert_harmless find "$path" -depth -execdir rmdir '{}' ';'
    assert_harmless find "$path" -depth -exec rm -d '{}' ';'
    assert_harmless find "$path" -depth '(' -type d -exec rmdir '{}' ';' -o -exec rm -f '{}' ';' ')'
    assert_harmless find "$MNT/acme" -type d -exec rmdir '{}' +
}

@test "rm -r, with -f, with -d, and of what is in it first" {
    assert_harmless rm -rf "$MNT/acme/plans"
    assert_harmless rm -rf "$MNT/acme"
    assert_harmless rm -rd "$MNT/acme/plans"
    assert_harmless bash -c 'rm -rf "$1"/*; rmdir "$1"' - "$MNT/acme/plans"
    assert_harmless bash -ic 'rm -rf "$1"; rmdir "$1"' - "$MNT/acme/plans"
    assert_harmless busybox rm -rf "$MNT/acme/plans"
}

@test "Python: rmtree that ignores errors, walks of os and pathlib" {
    assert_harmless python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)' "$MNT/acme/plans"
    assert_harmless python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)' "$MNT/acme"
    cat >walk.py <<'SCRIPT'
import os, pathlib, sys

def attempt(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        pass

def with_os(top):
    for base, folders, files in os.walk(top, topdown=False):
        for name in files:
            attempt(os.unlink, os.path.join(base, name))
        for name in folders:
            attempt(os.rmdir, os.path.join(base, name))
    attempt(os.rmdir, top)

def with_pathlib(top):
    for child in top.iterdir():
        if child.is_dir() and not child.is_symlink():
            with_pathlib(child)
        else:
            attempt(child.unlink)
    attempt(top.rmdir)

{"os": with_os, "pathlib": lambda top: with_pathlib(pathlib.Path(top))}[sys.argv[1]](sys.argv[2])
SCRIPT
    local path
    for path in "$MNT/acme/plans" "$MNT/acme"; do
        assert_harmless python3 walk.py os "$path"
        assert_harmless python3 walk.py pathlib "$path"
    done
}

@test "Perl, Tcl, Node and vim" {
    local path
    for path in "$MNT/acme/plans" "$MNT/acme"; do
        assert_harmless perl -MFile::Path=remove_tree -e 'remove_tree($ARGV[0])' "$path"
        assert_harmless vim -es -u NONE -c "call delete('$path', 'rf')" -c 'qa!'
    done
    # On a registry itself these begin with a plain rmdir: see the manual page.
    assert_harmless tclsh <(printf 'file delete -force {%s}\n' "$MNT/acme")
    assert_harmless node -e 'require("fs").rmSync(process.argv[1], {recursive: true, force: true})' "$MNT/acme"
}

@test "rsync --delete --force, rclone purge and sync" {
    assert_harmless rsync -r --delete --force nothing/ "$MNT/acme/"
    assert_harmless rsync -a --delete --delete-before --ignore-errors --force nothing/ "$MNT/acme/plans/"
    assert_harmless rclone --config /dev/null purge "$MNT/acme"
    assert_harmless rclone --config /dev/null delete --rmdirs "$MNT/acme/plans"
    assert_harmless rclone --config /dev/null rmdirs "$MNT/acme"
    assert_harmless rclone --config /dev/null sync nothing "$MNT/acme"
}

@test "tar --remove-files and zip -rm" {
    assert_harmless tar -cf packed.tar --remove-files -C "$MNT/acme" plans
    assert_harmless bash -c 'cd "$1" && zip -qrm "$2" plans' - "$MNT/acme" "$PWD/packed.zip"
    assert_harmless tar -cf packed.tar --remove-files -C "$MNT" acme
    assert_harmless bash -c 'cd "$1" && zip -qrm "$2" acme' - "$MNT" "$PWD/all.zip"
}

@test "twin: a plain rmdir deletes, whatever another session does, and after ten seconds" {
    alone rm -rf "$MNT/acme/plans" || true
    alone rmdir "$MNT/acme/plans"
    assert_equal "$(on_server plans)" ""
    assert_mutations 1
    alone bash -c 'rm -rf "$1/other"; rmdir "$1/other" && exit 1; sleep 10.1; rmdir "$1/other"' - "$MNT/acme"
    assert_equal "$(on_server other)" ""
}

@test "twin: rmdir after the removal of another one, by Python, by a file manager" {
    alone bash -c 'rm -rf "$1/other"; rmdir "$1/plans"' - "$MNT/acme"
    assert_equal "$(on_server plans)" ""
    upsert_registry "$ENTITY" plans
    touch "$MNT/acme"
    alone python3 -c 'import os, sys; os.rmdir(sys.argv[1])' "$MNT/acme/plans"
    assert_equal "$(on_server plans)" ""
    alone gio remove "$MNT/acme/other"
    assert_equal "$(on_server other)" ""
}

@test "twin: an editor that removes a text and writes it anew is no deleter" {
    alone bash -c 'cd "$1" && rm description && echo new >description && cd .. && rmdir plans' - "$MNT/acme/plans"
    assert_equal "$(on_server plans)" ""
}

@test "what is refused says why, and organizations are busy" {
    alone find "$MNT/acme/plans" -delete || true
    grep -q 'rmdir acme/plans ENOTEMPTY .*recursive deleters' "$MNT/.registryfs/errors"
    run -1 rmdir "$MNT/acme"
    [[ $output == *'Device or resource busy'* ]]
    run -1 rmdir "$MNT/acme/plans"
    [[ $output == *'Directory not empty'* ]]
    alone rmdir "$MNT/acme/plans"
    assert_mutations 1
}

# --- moves between organizations ---

mc_tmux() { tmux -f /dev/null -L "moving-$$" "$@"; }
mc_shows() { mc_tmux capture-pane -p | grep -qF -- "$1"; }

# Every tool that moves a directory, from acme to the other organization.
assert_nothing_moved() {
    local target="$MNT/Globex Research"
    assert_harmless mv "$MNT/acme/plans" "$target/"
    assert_harmless mv -f "$MNT/acme/plans" "$target/plans"
    assert_harmless busybox mv "$MNT/acme/plans" "$target/"
    assert_harmless python3 -c 'import shutil, sys; shutil.move(*sys.argv[1:])' "$MNT/acme/plans" "$target/"
    assert_harmless perl -MFile::Copy=move -e 'move(@ARGV)' "$MNT/acme/plans" "$target/plans"
    assert_harmless node -e 'require("fs").renameSync(process.argv[1], process.argv[2])' "$MNT/acme/plans" "$target/plans"
    assert_harmless gio move "$MNT/acme/plans" "$target/plans"
    assert_equal "$(server_value plans description)" 'plans of acme'
}

@test "mv to another organization: nothing is sent" {
    assert_nothing_moved
    assert_harmless rsync -a --remove-source-files "$MNT/acme/plans" "$MNT/Globex Research/"
    grep -q 'rename Globex Research/plans EPERM ' "$MNT/.registryfs/errors"
    run ! stat "$MNT/Globex Research/plans"
}

@test "mv to another organization that has one of that name: nothing is sent" {
    upsert_registry globex_registry_7f3a plans description '"plans of Globex"'
    local there
    there=$(control GET /state | jq -c '.organizations[] | select(.name == "Globex Research").registries')
    touch "$MNT/Globex Research"
    assert_nothing_moved
    assert_equal "$(control GET /state |
        jq -c '.organizations[] | select(.name == "Globex Research").registries')" "$there"
}

@test "F6 in Midnight Commander to another organization: nothing is sent" {
    mc_tmux new-session -d -x 120 -y 40 "TERM=xterm-256color HOME='$PWD' mc -u -d '$MNT/acme' '$MNT/Globex Research'"
    eventually 60 mc_shows plans
    mc_tmux send-keys C-s && mc_tmux send-keys plans F6
    eventually 60 mc_shows '"plans"'
    mc_tmux send-keys Enter
    eventually 60 grep -q 'rename Globex Research/plans EPERM ' "$MNT/.registryfs/errors"
    local answer
    for answer in Enter Enter Escape Escape; do
        sleep 0.5
        mc_tmux send-keys "$answer" 2>/dev/null || true
    done
    assert_equal "$(mutations)" 0
    stat "$MNT/acme/plans/description"
}

@test "twin: mv within an organization renames, mkdir beside one that is read makes" {
    mv "$MNT/acme/plans" "$MNT/acme/renamed"
    assert_equal "$(server_value renamed description)" 'plans of acme'
    ls "$MNT/acme/other" >/dev/null
    mkdir "$MNT/Globex Research/other"
    assert_equal "$(cat "$MNT/Globex Research/other/name")" other
}

@test "mv to a name that the rules forbid: EPERM, and the rule in errors" {
    local name
    for name in .hidden 'a:b' 'a#b' "$(printf 'n%.0s' {1..200})"; do
        run -1 mv "$MNT/acme/plans" "$MNT/acme/$name"
        [[ $output == *'Operation not permitted'* || $output == *'File name too long'* ]] || fail "$output"
    done
    grep -q 'rename acme/.hidden EPERM .*must not start with' "$MNT/.registryfs/errors"
    grep -q 'rename acme/a:b EPERM .*must have none of' "$MNT/.registryfs/errors"
    assert_mutations 0
    mv "$MNT/acme/plans" "$MNT/acme/allowed"
    assert_mutations 1
}
