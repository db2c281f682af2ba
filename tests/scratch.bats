#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Scratch files beside the attributes, and the ways to replace a file (design 3).

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600
    MODEL=$MNT/acme/model
}

@test "scratch files are there, and never on the server" {
    cd "$MODEL"
    local before
    before=$(on_server model)
    echo one >.description.swp
    ln -s user@host.123 .#description
    cp .description.swp copy
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

@test "two names of one scratch file: one text, one inode, nlink 2" {
    cd "$MODEL"
    echo one >first
    ln first second
    assert_equal "$(stat -c '%h %i' first)" "2 $(stat -c %i second)"
    # shellcheck disable=SC2012
    assert_equal "$(ls -i | awk '/first|second/ { print $1 }' | uniq)" "$(stat -c %i first)"
    echo two >>second
    assert_equal "$(cat first)" $'one\ntwo'
    rm first
    assert_equal "$(stat -c %h second) $(cat second)" $'1 one\ntwo'
    run ! stat first
    ln second third
    mv second fourth
    python3 -c 'import os; os.rename("fourth", "third")' # rename(2): nothing
    rm fourth
    assert_equal "$(stat -c %h third) $(cat third)" $'1 one\ntwo'
    ln third fifth
    echo other >sixth
    mv sixth third
    assert_equal "$(cat third fifth)" $'other\none\ntwo'
    exec 7<fifth
    rm third fifth
    assert_equal "$(cat <&7)" $'one\ntwo'
    run ! ln -L /proc/self/fd/7 again
    exec 7<&-
    assert_no_leftover model
    assert_mutations 0
}

@test "an attribute has one name" {
    cd "$MODEL"
    echo mine >tmp
    fails_with 'Operation not permitted' ln description other
    fails_with 'File exists' ln tmp description
    rm visibility
    fails_with 'Operation not permitted' ln tmp visibility
    fails_with 'cross-device' ln tmp ../dataset/tmp
    run ! stat other
    assert_mutations 0
    rm tmp
}

@test "renaming one of two names over an attribute saves it, and the file goes on under the other" {
    cd "$MODEL"
    local moved left
    for moved in first second; do
        [[ $moved == first ]] && left=second || left=first
        echo "by $moved" >first
        ln first second
        mv "$moved" description
        assert_equal "$(server_value model description)" "by $moved"
        assert_equal "$(cat "$left") $(stat -c %h "$left")" "by $moved 1"
        run ! stat "$moved"
        echo changed >"$left"
        assert_equal "$(cat description)" "by $moved"
        rm "$left"
    done
    assert_mutations 2
    assert_no_leftover model
    echo forced >tmp
    ln -f tmp description # by a further name that is renamed
    assert_equal "$(server_value model description)" forced
    rm tmp
}

# give_up_mv NAME: mv of it over description is killed while its save is held.
give_up_mv() {
    control POST /faults '{"kind": "delay", "operation": "UpsertRegistry", "ms": 4000}' >/dev/null
    reset_counts
    mv "$1" description &
    local moving=$!
    eventually 60 upsert_is_held
    kill -KILL "$moving"
    wait "$moving" || true
}

upsert_is_held() { [[ $(operation_count UpsertRegistry) -ge 1 ]]; }
is_saved() { [[ $(server_value model description) == "$1" && $(cat "$MODEL/description") == "$1" ]]; }

@test "names that go or change while one is being renamed over an attribute" {
    cd "$MODEL"
    echo 'all names gone' >first
    ln first second
    give_up_mv second
    rm second first
    eventually 60 is_saved 'all names gone'
    assert_no_leftover model
    echo 'own name gone' >first
    ln first second
    give_up_mv first
    rm first
    eventually 60 is_saved 'own name gone'
    assert_equal "$(cat second) $(stat -c %h second)" 'own name gone 1'
    rm second
    echo 'another name' >first
    give_up_mv first
    mv first third
    eventually 60 is_saved 'another name'
    assert_equal "$(cat third)" 'another name'
    rm third
    assert_no_leftover model
}

@test "locks by link(2) are taken, and refused to the next one" {
    cd "$MODEL"
    within 20000 lockfile-create --retry 0 description
    run ! within 20000 lockfile-create --retry 0 description
    lockfile-remove description
    within 20000 lockfile-create --retry 0 description
    lockfile-remove description
    # As vipw does: a file of its own, linked to the lock's name, and the count of its names.
    within 20000 python3 - <<'PY'
import os
def lock(number):
    own = "description.%d" % number
    os.close(os.open(own, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    try:
        os.link(own, "description.lock")
        return os.stat(own).st_nlink == 2
    except FileExistsError:
        return False
    finally:
        os.unlink(own)
assert lock(1)
assert not lock(2)
os.unlink("description.lock")
assert lock(3)
os.unlink("description.lock")
PY
    assert_no_leftover model
    assert_mutations 0
}

@test "reading an access control list says that there are none; another attribute is just not there" {
    cd "$MODEL"
    echo x >tmp
    python3 - <<'PY'
import errno, os
for path in "description", "tmp", "name", "full_name":
    for name, wanted in (("system.posix_acl_access", errno.EOPNOTSUPP),
                         ("system.posix_acl_default", errno.EOPNOTSUPP), ("user.none", errno.ENODATA)):
        try:
            os.getxattr(path, name)
        except OSError as problem:
            assert problem.errno == wanted, (path, name, problem)
        else:
            raise SystemExit("not refused: " + name)
PY
    rm tmp
}

@test "the longest description is saved by a rename; a swap file of it fits" {
    cd "$MODEL"
    head -c 1048576 /dev/zero | tr '\0' x >"$TEST_DIR/long"
    cp "$TEST_DIR/long" .description.new
    mv .description.new description
    assert_equal "$(server_value model description | wc -c)" 1048577
    assert_mutations 1
    head -c 1000000 "$TEST_DIR/long" | fold -w 79 >"$TEST_DIR/lines"
    cp "$TEST_DIR/lines" description
    vim -es -c '1s/x/y/' -c preserve -c 'wq' description
    assert_equal "$(server_value model description | head -c 2)" yx
    head -c 1048577 /dev/zero | tr '\0' x >.description.new
    fails_with 'File too large' mv .description.new description
    rm .description.new
    assert_no_leftover model
}

@test "scratch files are bounded: 64 names, 2 MiB each, 8 MiB together" {
    cd "$MODEL"
    local i
    for i in {1..64}; do : >"s$i"; done
    fails_with 'No space left on device' touch s65
    fails_with 'No space left on device' ln s1 s65
    rm s64
    head -c 2097152 /dev/zero >s1
    ln s1 s64 # one text
    fails_with 'No space left on device' dd if=/dev/zero of=s2 bs=2097153 count=1 status=none
    rm s*
    for i in {1..4}; do head -c 2097152 /dev/zero >"s$i"; done
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
