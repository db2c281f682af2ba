#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who may do what: with allow_other, what `stat` shows is what happens (design 1).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    [[ $EUID -eq 0 ]] || skip "needs root"
    chmod 711 "$SUITE_DIR" "$TEST_DIR"
}

# as USER[:GROUP[:GROUPS]] COMMAND…
as() {
    local user group groups
    IFS=: read -r user group groups <<<"$1"
    shift
    if [[ -n $groups ]]; then
        setpriv --reuid "$user" --regid "${group:-$user}" --groups "$groups" "$@"
    else
        setpriv --reuid "$user" --regid "${group:-$user}" --clear-groups "$@"
    fi
}

refuses() {
    local user=$1
    shift
    fails_with "Permission denied" as "$user" "$@"
}

# What the mounter has just looked at stays in the kernel: it is not for others.
warm() {
    find "$MNT/acme/model" -maxdepth 1 >/dev/null
    ls "$MNT/acme" >/dev/null
    cat "$MNT/acme/model/name" "$MNT/acme/model/description" "$MNT/.registryfs/status" >/dev/null
    stat "$MNT/acme/model/full_name" >/dev/null
    [[ ! -e $MNT/acme/nothing ]]
}

@test "modes that let nobody else in: reading, listing, looking and changing are refused" {
    mount_start -o allow_other --umask 077
    local round
    for round in cold warm; do
        [[ $round == cold ]] || warm
        refuses 4321 ls "$MNT"
        refuses 4321 cat "$MNT/acme/model/name"
        refuses 4321 stat "$MNT/acme/model/name"
        refuses 4321 stat "$MNT/acme/nothing"
        refuses 4321 ls "$MNT/acme/model"
        refuses 4321 bash -c 'cd "$1"' - "$MNT/acme/model"
        refuses 4321 readlink -e -v "$MNT/acme/model/collections/churn/aliases/latest"
        refuses 4321 touch "$MNT/acme"
        refuses 4321 mkdir "$MNT/acme/new"
        refuses 4321 bash -c 'echo text >"$1"' - "$MNT/acme/model/description"
        refuses 4321 getfattr --only-values -n user.registryfs.name "$MNT/acme/model"
        run ! as 4321 test -r "$MNT/acme/model/name"
    done
    # The mounter is not held to them.
    [[ $(cat "$MNT/acme/model/name") == model ]]
    echo changed >"$MNT/acme/model/description"
}

@test "modes that let everybody read: others read and change nothing" {
    mount_start -o allow_other --umask 022
    local file=$MNT/acme/model/name
    assert_equal "$(as 4321 cat "$file")" model
    as 4321 ls "$MNT/acme/model/collections/churn/aliases/latest/" >/dev/null
    as 4321 test -r "$file"
    run ! as 4321 test -w "$file"
    refuses 4321 bash -c 'echo text >"$1"' - "$MNT/acme/model/description"
    refuses 4321 mkdir "$MNT/acme/new"
    refuses 4321 rmdir "$MNT/acme/model"
    refuses 4321 touch "$MNT/acme/model"
    refuses 4321 touch "$MNT/acme/model/scratch"
    fails_with "Operation not permitted" as 4321 chmod 777 "$MNT/acme/model/description"
    fails_with "Operation not permitted" as 4321 touch -c -d 2020-01-01 "$MNT/acme/model/description"
}

@test "--uid, --gid and --umask: owner, group and others have what the modes say" {
    mount_start -o allow_other --uid 1234 --gid 5678 --umask 027
    local file=$MNT/acme/model/description
    assert_equal "$(stat -c '%u %g %a' "$file")" "1234 5678 640"
    as 1234 cat "$file" >/dev/null
    as 1234 bash -c 'echo mine >"$1"' - "$file"
    assert_equal "$(cat "$file")" mine
    as 4321:5678 cat "$file" >/dev/null
    as 4321:4321:99,5678 cat "$file" >/dev/null
    refuses 4321:5678 bash -c 'echo text >"$1"' - "$file"
    refuses 4321 cat "$file"
    refuses 4321 ls "$MNT/acme/model"
}

@test "the errnos of read-only trees and attributes stay, for whoever may" {
    mount_start -o allow_other,default_permissions --uid 1234 --umask 022
    local who
    for who in 0 1234; do
        fails_with "Read-only file system" as "$who" touch "$MNT/acme/model/collections/new"
        fails_with "Read-only file system" as "$who" mkdir "$MNT/acme/model/versions/new"
        fails_with "Permission denied" as "$who" bash -c 'echo x >"$1"' - "$MNT/acme/model/full_name"
        as "$who" chown "$who" "$MNT/acme/model/description"
        as "$who" chmod 600 "$MNT/acme/model/description"
    done
}

@test "the control directory is the mounter's alone, whatever --uid says" {
    local options
    for options in allow_other allow_other,no_default_permissions; do
        mount_start -o "$options" --uid 1234 --gid 1234 --umask 0
        assert_equal "$(stat -c '%u %a' "$MNT/.registryfs")" "$EUID 700"
        local who
        for who in 1234 4321; do
            refuses "$who" ls "$MNT/.registryfs"
            refuses "$who" cat "$MNT/.registryfs/status"
            cat "$MNT/.registryfs/status" >/dev/null
            refuses "$who" stat "$MNT/.registryfs/status"
            refuses "$who" cat "$MNT/.registryfs/errors"
        done
        cat "$MNT/.registryfs/errors"
        mount_stop
    done
}

@test "no_default_permissions: others read whatever the modes say, and change nothing" {
    mount_start -o allow_other,no_default_permissions --umask 077
    assert_equal "$(as 4321 cat "$MNT/acme/model/name")" model
    refuses 4321 bash -c 'echo text >"$1"' - "$MNT/acme/model/description"
}

@test "a file that is open already is read on by whoever has it" {
    mount_start -o allow_other --umask 077
    assert_equal "$(as 4321 cat <"$MNT/acme/model/name")" model
}

@test "allow_root lets root in to a user's mount, and nobody else" {
    unshare --mount true || skip "needs a mount namespace"
    [[ -u $(command -v fusermount3) ]] || skip "fusermount3 is not setuid"
    mkdir mountpoint
    chown 12345:12345 mountpoint .
    mknod -m 666 fuse c 10 229
    printf 'ada:x:12345:12345::/nonexistent:/bin/sh\n' >passwd
    printf 'user_allow_other\n' >fuse.conf
    # shellcheck disable=SC2016
    run -0 unshare --mount --propagation private bash -euc '
        mount --bind fuse /dev/fuse && mount --bind passwd /etc/passwd && mount --bind fuse.conf /etc/fuse.conf
        setpriv --reuid 12345 --regid 12345 --clear-groups \
            "$REGISTRYFS" -o allow_root,no_cache --umask 077 mountpoint
        ls mountpoint/acme/model >/dev/null
        ! setpriv --reuid 4321 --clear-groups ls mountpoint 2>/dev/null
        umount mountpoint'
    eventually 60 eval '[[ -z $(daemons) ]]'
}
