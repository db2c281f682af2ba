#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Names, texts and objects as no server should send them (design 2, protocol 4, 5.7, 5.8, 6).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start hostile
    mount_start --ttl 600
    expect_tree expected
    export EXPECTED=$SUITE_DIR/expected
}

teardown() {
    # Whatever was asked of it, it must still be alive.
    local alive=true
    ls "$MNT" >/dev/null || alive=false
    test_teardown && $alive
}

# A name that is no valid Unicode is looked at by a test of its own; of two collections with one
# name only one can be reached by that name. Of a manifest that is broken or missing nothing is told.
PRUNED='\./lone[^/]*|.*/twins(:.*|/.*)?|.*/(manifests/versions/v[0-9]+|nulls/versions/v7)/lineage'

# find over everything else; an error of find's is the test's.
walk() {
    (cd "$MNT" && LC_ALL=C find . -mindepth 1 -regextype posix-extended -regex "$PRUNED" -prune -o "$@")
}

@test "every object is there under its escaped name, and nothing else" {
    assert_same_tree '%y %P'
}

@test "an organization whose name is no valid Unicode can be entered" {
    ls "$MNT"/lone*
}

@test "no name is longer than 255 bytes or holds a control character" {
    walk -printf '%f\0' >names
    LC_ALL=C perl -0ne 'chomp; die "long: $_\n" if length > 255; die "control: $_\n" if /[\x01-\x1f\x7f]/' names
    [[ $(tr -cd '\0' <names | wc -c) -gt 1000 ]]
}

@test "no two names meet" {
    walk -printf '%P\n' | LC_ALL=C sort | uniq -d >twice.txt
    [[ ! -s twice.txt ]]
    walk -printf '%i\n' | sort | uniq -d >twice.txt
    [[ ! -s twice.txt ]]
}

@test "everything that is listed can be looked at and read" {
    walk -name files -prune -o -type f -printf '%s ./%P\0' >listed
    [[ $(tr -cd '\0' <listed | wc -c) -gt 1000 ]]
    # The sizes that stat shows are what reading gives.
    (cd "$MNT" && sed -z 's/^[0-9]* //' "$OLDPWD/listed" | xargs -0 wc -c | sed '/^ *[0-9]* total$/d' |
        awk '{ print $1 }') >read.txt
    sed -z 's/ .*//' listed | tr '\0' '\n' >sizes.txt
    assert_same_text sizes.txt read.txt
    run -0 --separate-stderr walk -xtype l -print
    assert_equal "$output$stderr" ""
}

@test "everything that is listed resolves by its path on a cold mount" {
    walk -name files -prune -o -type d -print0 >all
    shuf -z -n 60 --random-source=/dev/zero all >paths
    mount_start
    (cd "$MNT" && xargs -0 stat) <paths >/dev/null
}

@test "texts are the server's; metadata says the same, whatever it is" {
    assert_same_texts metadata.json
}

@test "symlinks stay inside and come from no server" {
    local path target
    while IFS= read -r -d '' path && IFS= read -r -d '' target; do
        [[ $target =~ ^\.\./(\.\./)*(collections/[^/]+/)?versions/v[0-9]+$ ]] || fail "$path -> $target"
    done < <(walk -type l -printf '%p\0%l\0')
}

@test "modes and times: what can be read is right, what cannot is the time of the mount" {
    assert_same_tree '%m %P' -type f
    local dates=$MNT/hostile/zoo/collections/dates/versions
    assert_equal "$(date -u -r "$dates/v0/id" +%FT%T.%N)" 2025-05-09T22:41:18.000000000
    assert_equal "$(date -u -r "$dates/v1/id" +%FT%T.%N)" 2025-05-09T22:41:18.123000000
    assert_equal "$(date -u -r "$dates/v2/id" +%FT%T.%N)" 2025-05-09T22:41:18.123456789
    assert_equal "$(date -u -r "$dates/v10/id" +%FT%T)" 1969-12-31T23:59:59
    assert_equal "$(date -u -r "$dates/v12/id" +%FT%T)" 2038-01-19T03:14:08
    local version
    for version in v7 v11 v13 v15; do
        assert_equal "$(find "$dates/$version/id" -newermt '1 hour ago' ! -newermt now | wc -l)" 1
    done
}

@test "the original of a shortened name is in the xattr" {
    # 113 characters of 3 bytes.
    assert_equal "$(getfattr --only-values -n user.registryfs.name "$MNT"/hostile/*~???????? | wc -c)" 339
    assert_equal "$(getfattr --only-values -n user.registryfs.name "$MNT/hostile/a%2Fb")" a/b
    # It is listed, too: the file's name is another one.
    run -0 getfattr -d -m - "$MNT/hostile/a%2Fb"
    [[ $output == *'user.registryfs.name="a/b"'* ]] || fail "$output"
}

@test "what was passed over is reported, without control characters" {
    walk -name files -prune -o -printf '' >/dev/null
    [[ -n $(cat "$MNT/.registryfs/errors") ]]
    run ! grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$MNT/.registryfs/errors"
    [[ $(wc -l <"$MNT/.registryfs/errors") -le 100 ]]
}

@test "the log holds no control characters" {
    run ! grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$LOG"
}

# bats test_tags=bound
@test "200,000 files in one folder: every name, and memory within bounds" {
    jq -nc --arg key "$WANDB_API_KEY" '{users: [{username: "ada", key: $key, organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: [range(200000) | {path: "f\(.)", text: "x"}]}]}]}]}]}' >seed.json
    sandbox_start "$TEST_DIR/seed.json"
    mount_start --ttl 600 --timeout 60
    local files=$MNT/o/r/collections/c/versions/v0/files
    # A lookup waits for 5 s; the sandbox hashes 200,000 files first.
    eventually 60 stat "$files"
    ls -f "$files" | sort -u >names.txt
    assert_equal "$(grep -cE '^f[0-9]+$' names.txt)" 200000
    assert_equal "$(cat "$files/f199999")" x
    run ! stat "$files/f200000"
    [[ $(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status") -lt 262144 ]]
}
