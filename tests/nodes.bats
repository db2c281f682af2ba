#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The inode table: thousands of nodes that others take the place of, and the numbers by which the
# kernel and NFS servers know them.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start large --param collections=7000 --param versions=1
}

# plant VERSIONS: the same names with other ids when the number is another one.
plant() {
    control POST /seed "{\"name\": \"large\", \"params\": {\"collections\": 7000, \"versions\": $1}}" >/dev/null
}

setup() {
    test_setup
    plant 1
}

# Collections c0 … whose number leaves no rest by $1, as the kernel then knows them.
look_at_each() {
    python3 - "$MNT/large/r0/collections" "$1" <<'SCRIPT'
import os, sys
for number in range(0, 7000, int(sys.argv[2])):
    os.stat(f"{sys.argv[1]}/c{number}")
SCRIPT
}

become_others() {
    plant 2
    touch "$MNT/large/r0"
    # shellcheck disable=SC2012
    assert_equal "$(ls -f "$MNT/large/r0/collections" | wc -l)" 7002
}

handles() {
    python3 "$ROOT/tests/lib/file_handles.py" "$@"
}

@test "7,000 collections, half of them looked at, all become others" {
    export MALLOC_PERTURB_=165
    mount_start
    ls -f "$MNT/large/r0/collections" >/dev/null
    look_at_each 2
    become_others
    look_at_each 2
    assert_equal "$(cat "$MNT/large/r0/collections/c6998/name")" c6998
}

@test "twin: they stay what they are" {
    export MALLOC_PERTURB_=165
    mount_start
    ls -f "$MNT/large/r0/collections" >/dev/null
    look_at_each 2
    touch "$MNT/large/r0"
    ls -f "$MNT/large/r0/collections" >/dev/null
    look_at_each 2
    assert_equal "$(cat "$MNT/large/r0/collections/c6998/name")" c6998
}

@test "file handles of an earlier mount: the right file or ESTALE" {
    mount_start
    printf '%s\n' "$MNT"/large/r0/collections/c{1..12}/name | handles keep kept
    mount_stop
    mount_start
    cat "$MNT"/large/r0/collections/c{12..1}/name >/dev/null
    run -0 handles open kept "$MNT"
    [[ $output == *" wrong 0" ]] || fail "$output"
}

@test "file handles of nodes whose numbers others have got: the right file or ESTALE" {
    mount_start
    printf '%s\n' "$MNT"/large/r0/collections/c{1..400}/name | handles keep kept
    become_others
    look_at_each 1
    cat "$MNT"/large/r0/collections/c{1..6999}/name >/dev/null
    run -0 handles open kept "$MNT"
    [[ $output == *" wrong 0" ]] || fail "$output"
}

@test "twin: file handles of what is still there are right" {
    mount_start
    printf '%s\n' "$MNT"/large/r0/collections/c{1..400}/name | handles keep kept
    exec 5<"$MNT/large/r0/collections/c7/name"
    run -0 handles open kept "$MNT"
    exec 5<&-
    assert_equal "$output" "right 400 stale 0 wrong 0"
}

@test "inode numbers leave the two upper bits to filesystems that are laid over this one" {
    mount_start
    run -0 find "$MNT/large" -path '*/versions' -prune -o -printf '%i\n'
    python3 -c 'import sys; assert all(int(line) < 2 ** 62 for line in sys.stdin)' <<<"$output"
}
