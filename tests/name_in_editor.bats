#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A registry's attribute `name`, written by a program that goes on by the path it knows.

load lib/helpers
load lib/editing
load lib/attempts
load lib/editors

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600
    MODEL=$MNT/acme/model
    # Keeps what a process has open by name: it runs the lines that come one by one.
    cat >"$TEST_DIR/editor.py" <<'PY'
import errno, os, sys

def save(path, text):
    with open(path, "w") as file:
        file.write(text + "\n")

def is_error(number, call, *operands):
    try:
        call(*operands)
    except OSError as error:
        assert error.errno == number, error
    else:
        assert False, (call, operands)

os.chdir("/")
ORGANIZATION = sys.argv[1]
OLD = ORGANIZATION + "/model"
NEW = ORGANIZATION + "/renamed"
exec(sys.stdin.read())
PY
}

teardown() {
    exec 7<&-
    in_tmux kill-server 2>/dev/null || true
    test_teardown
}

editor() { python3 "$TEST_DIR/editor.py" "$MNT/acme"; }

@test "who writes name goes on by the old path: swap and lock files, a second save" {
    exec 7<"$MODEL/description"
    editor <<'PY'
save(OLD + "/.name.swp", "swap")
os.symlink("me@here", OLD + "/.#name")
inode = os.stat(OLD).st_ino
save(OLD + "/name", "renamed")
assert open(OLD + "/name").read() == "renamed\n"
assert open(NEW + "/name").read() == "renamed\n"
assert os.stat(OLD).st_ino == os.stat(NEW).st_ino == inode
os.unlink(OLD + "/.name.swp")
os.unlink(OLD + "/.#name")
save(OLD + "/.name.new", "again")
os.rename(OLD + "/.name.new", OLD + "/name")
assert open(OLD + "/name").read() == "again\n"
save(OLD + "/description", "new text")
save(NEW + "/name", "third")
assert open(OLD + "/name").read() == "third\n"
assert sorted(os.listdir(ORGANIZATION)).count("third") == 1
assert not {"model", "renamed", "again"} & set(os.listdir(ORGANIZATION))
assert not [name for name in os.listdir(OLD) if "swp" in name or "#" in name]
PY
    assert_equal "$(server_value third name)" wandb-registry-third
    assert_equal "$(server_value third description)" 'new text'
    grep -q production <&7
    exec 7<&-
}

@test "the old name leads whoever looks, no rmdir and no mv of it, and mv leaves none" {
    mkdir "$MNT/acme/moved"
    editor <<'PY'
import subprocess
save(OLD + "/name", "renamed")
assert os.path.exists(OLD + "/name")
assert subprocess.run(["cat", OLD + "/name"], capture_output=True).stdout == b"renamed\n"
assert subprocess.run(["mv", OLD, ORGANIZATION + "/x"], stderr=subprocess.DEVNULL).returncode == 1
assert subprocess.run(["rmdir", OLD], stderr=subprocess.DEVNULL).returncode == 1
assert os.path.exists(OLD + "/name"), "nobody's look takes it away"
is_error(errno.ENOENT, os.rmdir, OLD)
assert os.path.exists(NEW + "/name")
os.rename(ORGANIZATION + "/moved", ORGANIZATION + "/again")
is_error(errno.ENOENT, os.stat, ORGANIZATION + "/moved")
PY
    [[ -e $MNT/acme/renamed/name && -e $MODEL/name ]]
}

@test "a new registry of the old name wins, and so does one that is renamed to it" {
    mkdir "$MNT/acme/spare"
    editor <<'PY'
import subprocess
save(OLD + "/name", "renamed")
assert os.path.exists(OLD)
subprocess.run(["mkdir", OLD], check=True)
assert open(OLD + "/full_name").read() == "wandb-registry-model\n"
assert open(NEW + "/full_name").read() == "wandb-registry-renamed\n"
subprocess.run(["rmdir", OLD], check=True)
is_error(errno.ENOENT, os.stat, OLD)
save(NEW + "/name", "elsewhere")
subprocess.run(["mv", ORGANIZATION + "/spare", NEW], check=True)
assert open(NEW + "/full_name").read() == "wandb-registry-renamed\n"
assert open(ORGANIZATION + "/elsewhere/full_name").read() == "wandb-registry-elsewhere\n"
PY
}

@test "the process that wrote name may itself make a registry of the old name, or rename one to it" {
    mkdir "$MNT/acme/spare"
    editor <<'PY'
save(OLD + "/name", "renamed")
assert os.path.exists(OLD)
os.mkdir(OLD)
assert open(OLD + "/full_name").read() == "wandb-registry-model\n"
save(NEW + "/name", "elsewhere")
assert os.path.exists(NEW)
os.rename(ORGANIZATION + "/spare", NEW)
assert open(NEW + "/full_name").read() == "wandb-registry-renamed\n"
save(ORGANIZATION + "/elsewhere/description", "still there")
assert open(ORGANIZATION + "/elsewhere/description").read() == "still there\n"
save(ORGANIZATION + "/elsewhere/name", "away")
save(ORGANIZATION + "/away/name", "elsewhere")
assert "elsewhere" in os.listdir(ORGANIZATION) and "away" not in os.listdir(ORGANIZATION)
assert open(ORGANIZATION + "/elsewhere/description").read() == "still there\n"
PY
}

@test "an mv to the old name that the rules forbid ends nothing" {
    mkdir "$MNT/acme/spare"
    upsert_registry "$ENTITY" .begun
    touch "$MNT/acme"
    eventually 10 ls "$MNT/acme/.begun" >/dev/null
    editor <<'PY'
old = ORGANIZATION + "/.begun"
save(old + "/name", "renamed")
is_error(errno.EPERM, os.rename, ORGANIZATION + "/spare", old)
assert open(old + "/full_name").read() == "wandb-registry-renamed\n"
save(old + "/description", "by the old path")
assert open(NEW + "/description").read() == "by the old path\n"
# The twin: one that they allow takes the name.
save(OLD.replace("model", "dataset") + "/name", "elsewhere")
os.rename(ORGANIZATION + "/spare", OLD.replace("model", "dataset"))
assert open(OLD.replace("model", "dataset") + "/full_name").read() == "wandb-registry-dataset\n"
PY
}

@test "a registry of the old name that somebody else makes wins" {
    mount_stop
    mount_start --ttl 600 --negative-ttl 0
    mkfifo "$TEST_DIR/is-renamed" "$TEST_DIR/is-made"
    FIFOS=$TEST_DIR editor <<'PY' &
save(OLD + "/name", "renamed")
assert open(OLD + "/name").read() == "renamed\n"
open(os.environ["FIFOS"] + "/is-renamed", "w").close()
open(os.environ["FIFOS"] + "/is-made").close()
assert open(OLD + "/name").read() == "model\n"
assert open(NEW + "/name").read() == "renamed\n"
PY
    local editor=$!
    timeout 60 cat "$TEST_DIR/is-renamed"
    upsert_registry "$ENTITY" model description '"made by somebody else"'
    timeout 60 bash -c ": >'$TEST_DIR/is-made'"
    wait "$editor"
}

@test "a program in another mount sees nothing of it" {
    echo 'save(OLD + "/name", "renamed")' | editor
    mount_start --ttl 600
    run ! stat "$MNT/acme/model"
    stat "$MNT/acme/renamed"
}

@test "vim saves name twice by its path, and leaves nothing behind" {
    cd "$TEST_DIR"
    # shellcheck disable=SC2034
    TOOL=vim
    in_terminal vim "$MODEL/name"
    literally 'ccsecond'
    keys Escape
    literally ':w'
    keys Enter
    eventually 60 test -e "$MNT/acme/second/name"
    literally 'ccthird'
    keys Escape
    literally ':wq'
    keys Enter
    end_terminal
    # shellcheck disable=SC2153
    assert_equal "$STATUS" 0
    assert_equal "$(server_value third name)" wandb-registry-third
    assert_equal "$(cat "$MNT/acme/third/name")" third
    # shellcheck disable=SC2012
    assert_equal "$(ls -A "$MNT/acme/third")" "$(ls -A "$MNT/acme/dataset")"
    [[ -e $MODEL/name ]]
}
