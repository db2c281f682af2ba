#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The place to mount at: its spellings, what may lie there, whose mount is taken away (design 1).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    mkdir mountpoint
}

need_root() {
    [[ $EUID -eq 0 ]] || skip "needs root"
}

need_namespace() {
    unshare --mount true || skip "needs a mount namespace"
}

mounts_at() {
    awk -v at="$1" '$2 == at { n++ } END { print n + 0 }' /proc/mounts
}

# refused_beside ARGUMENT…: as refused 32, beside another mount.
refused_beside() {
    run -32 --separate-stderr within 30000 "$REGISTRYFS" "$@"
    [[ $stderr == *mount* && $stderr != *$'\n'* ]]
}

# as_user COMMAND…: as a user with a name whom fusermount3 serves, in a namespace of its own where
# /dev/fuse is open to everybody, as on a desktop.
# Where coverage is taken, the program complains of files that another user may not write.
without_profiling() {
    grep -v '^profiling:' || true
}

as_user() {
    need_root
    need_namespace
    [[ -u $(command -v fusermount3) ]] || skip "fusermount3 is not setuid"
    [[ -e /etc/mtab ]] || skip "no /etc/mtab, which fusermount3 reads (a bare system)"
    chmod 711 "$SUITE_DIR" "$TEST_DIR"
    [[ -e fuse ]] || mknod -m 666 fuse c 10 229
    printf '%s\n' "${PASSWD-ada:x:12345:12345::/nonexistent:/bin/sh}" >passwd
    # shellcheck disable=SC2016
    within 60000 env -u HOME -u XDG_CACHE_HOME -u XDG_STATE_HOME unshare --mount bash -c '
        mount --bind fuse /dev/fuse && mount --bind passwd /etc/passwd &&
        exec setpriv --reuid 12345 --regid 12345 --clear-groups "$@"' - "$@" 2> >(without_profiling >&2)
}

@test "dots and links in the mountpoint: it mounts and answers" {
    ln -s mountpoint link
    local spelling
    for spelling in . ./ "$PWD/mountpoint/." ../mountpoint ../mountpoint/../mountpoint/ ../link; do
        (cd mountpoint && within 30000 "$REGISTRYFS" "$spelling") || fail "failed: $spelling"
        DAEMON=$(daemons)
        within 10000 ls mountpoint/acme >/dev/null || fail "hangs: $spelling"
        assert_equal "$(mounts_at "$PWD/mountpoint")" 1
        daemon_stop mountpoint
    done
}

@test "..: the parent of the working directory" {
    mkdir -p parent/child
    refused 32 parent/child/..
    mkdir parent/child/below
    (cd parent/child/below && within 30000 "$REGISTRYFS" -o nonempty ..)
    DAEMON=$(daemons)
    within 10000 ls parent/child/acme >/dev/null
    daemon_stop parent/child
}

@test "a mountpoint with something in it: refused, and how it is allowed" {
    touch mountpoint/.hidden
    refused 32 mountpoint
    [[ $stderr == *nonempty* ]]
    daemon_start -o nonempty mountpoint
    [[ -d mountpoint/acme ]]
    daemon_stop mountpoint
    [[ -e mountpoint/.hidden ]]
}

@test "an empty live mount is a good mountpoint, a full one is not" {
    need_root
    need_namespace
    # shellcheck disable=SC2016
    run -0 unshare --mount --propagation private bash -euc '
        mount -t tmpfs none mountpoint
        mkdir mountpoint/lost+found # as a fresh volume has it
        "$REGISTRYFS" mountpoint
        test -d mountpoint/acme
        umount mountpoint
        touch mountpoint/file
        ! "$REGISTRYFS" mountpoint 2>err
        grep -q nonempty err
        umount mountpoint'
    eventually 60 eval '[[ -z $(daemons) ]]'
}

@test "over a live registryfs, or inside of one: refused, whoever mounted it" {
    daemon_start mountpoint
    ln -s mountpoint link
    local place
    for place in mountpoint mountpoint/. link mountpoint/acme mountpoint/acme/model/collections; do
        refused_beside "$place"
        refused_beside -o nonempty "$place"
    done
    assert_equal "$(mounts_at "$PWD/mountpoint")" 1
    # Also one that answers nobody.
    kill -STOP "$DAEMON"
    refused_beside mountpoint
    kill -CONT "$DAEMON"
    [[ -d mountpoint/acme ]]
    daemon_stop mountpoint
}

@test "the root directory in all spellings: refused" {
    ln -s / root
    local place
    for place in / // /. /tmp/.. root root/ /proc/self/root; do
        refused 32 -o nonempty "$place"
        [[ $stderr == *root* ]]
    done
    (cd / && refused 32 -o nonempty .)
}

@test "over its own dead mount it works, also a stack of them; another program's stays" {
    daemon_start mountpoint
    kill -KILL "$DAEMON"
    wait_for_end "$DAEMON" 10
    refused_beside mountpoint/acme
    daemon_start mountpoint
    assert_equal "$(mounts_at "$PWD/mountpoint")" 1
    [[ -d mountpoint/acme ]]
    daemon_stop mountpoint
    need_root
    need_namespace
    # shellcheck disable=SC2016
    run -32 --separate-stderr unshare --mount --propagation private bash -c '
        exec 8<>/dev/fuse
        mount -i -t fuse.sshfs -o fd=8,rootmode=40000,user_id=0,group_id=0 sshfs mountpoint
        exec 8<&-
        "$REGISTRYFS" mountpoint
        status=$?
        grep -q " $PWD/mountpoint fuse.sshfs " /proc/mounts || exit 99
        exit $status'
    [[ $stderr == *fuse.sshfs* && $stderr != *$'\n'* ]]
}

@test "a link in a directory that others can write is not followed; one's own is" {
    mkdir shared own
    chmod 1777 shared
    ln -s "$PWD/mountpoint" shared/link
    ln -s "$PWD/mountpoint" own/link
    refused 32 shared/link
    [[ $stderr == *link* ]]
    assert_nothing_mounted
    ln -s ../shared/link own/chain
    refused 32 own/chain
    daemon_start own/link
    daemon_stop mountpoint
    # The directory itself may lie there.
    mkdir shared/directory
    daemon_start shared/directory
    daemon_stop shared/directory
}

@test "a daemon that ends leaves what was mounted in its place" {
    need_root
    need_namespace
    # shellcheck disable=SC2016
    run -0 unshare --mount --propagation private bash -euc '
        new() {
            case $1 in
            tmpfs) mount -t tmpfs none mountpoint ;;
            bind) mount --bind other mountpoint ;;
            registryfs) "$REGISTRYFS" mountpoint ;;
            esac
        }
        mkdir other
        touch other/file
        for kind in tmpfs bind registryfs; do
            "$REGISTRYFS" --foreground --ready-fd 5 mountpoint 5> >(cat >ready.$kind) >log 2>&1 &
            old=$!
            for _ in {1..300}; do [[ -s ready.$kind ]] && break; sleep 0.1; done
            exec 7<mountpoint/acme/model/name # it goes on while this is open
            umount -l mountpoint
            new $kind
            kill -TERM $old
            wait $old
            exec 7<&-
            mountpoint -q mountpoint || { echo "gone: $kind"; exit 1; }
            [[ $kind != bind || -e mountpoint/file ]]
            [[ $kind != registryfs || -d mountpoint/acme ]]
            umount mountpoint
        done
        # The twin: its own it takes away.
        "$REGISTRYFS" --foreground --ready-fd 5 mountpoint 5> >(cat >ready.own) >log 2>&1 &
        for _ in {1..300}; do [[ -s ready.own ]] && break; sleep 0.1; done
        kill -TERM $!
        wait $!
        ! mountpoint -q mountpoint'
    eventually 60 eval '[[ -z $(daemons) ]]'
}

@test "it follows a directory that was renamed, and takes its mount away there" {
    need_root
    need_namespace
    # shellcheck disable=SC2016
    run -0 unshare --mount --propagation private bash -euc '
        mkdir -p one/place
        "$REGISTRYFS" --foreground --ready-fd 5 one/place 5> >(cat >ready) >log 2>&1 &
        for _ in {1..300}; do [[ -s ready ]] && break; sleep 0.1; done
        mv one two
        "$REGISTRYFS" --status two/place >/dev/null
        kill -TERM $!
        wait $!
        ! mountpoint -q two/place'
}

@test "users: fusermount3 mounts, a second mount is refused, the end unmounts" {
    program_for_all
    chown 12345:12345 mountpoint .
    # shellcheck disable=SC2016
    run -0 as_user bash -euc '
        "$REGISTRYFS" --foreground --ready-fd 5 mountpoint 5> >(cat >mountpoint.ready) >/dev/null 2>&1 &
        for _ in {1..300}; do [[ -s mountpoint.ready ]] && break; sleep 0.1; done
        ls mountpoint/acme/model >/dev/null
        "$REGISTRYFS" --status mountpoint >/dev/null
        ! "$REGISTRYFS" mountpoint 2>err
        test "$(grep -vc ^profiling: err)" = 1
        kill -TERM $!
        wait $!
        ! mountpoint -q mountpoint'
    eventually 60 eval '[[ -z $(daemons) ]]'
}

@test "users: each failure is one line that fits its cause" {
    program_for_all
    chown 12345:12345 mountpoint
    # A directory of somebody else's.
    mkdir foreign
    run -32 --separate-stderr as_user "$REGISTRYFS" -o no_cache foreign
    [[ $stderr != *$'\n'* && $stderr == *foreign* && $stderr == *writ* && $stderr != *CAP_SYS_ADMIN* ]]
    # allow_other without its line in /etc/fuse.conf.
    if ! grep -q '^user_allow_other' /etc/fuse.conf; then
        run -32 --separate-stderr as_user "$REGISTRYFS" -o no_cache,allow_other mountpoint
        [[ $stderr != *$'\n'* && $stderr == *user_allow_other* && $stderr != *CAP_SYS_ADMIN* ]]
    fi
    # A number without a name.
    PASSWD='' run -32 --separate-stderr as_user "$REGISTRYFS" -o no_cache mountpoint
    [[ $stderr != *$'\n'* && $stderr == *passwd* && $stderr != *user_allow_other* ]]
    # No fusermount3 at all.
    mkdir bin
    run -32 --separate-stderr as_user env PATH="$PWD/bin" "$REGISTRYFS" -o no_cache mountpoint
    [[ $stderr != *$'\n'* && $stderr == *"install the package fuse3"* ]]
    run -0 as_user "$REGISTRYFS" --version
}
