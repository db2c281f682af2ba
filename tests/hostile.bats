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

teardown_file() {
    suite_teardown
}

setup() {
    test_setup
}

teardown() {
    test_teardown
    # Whatever was asked of it, it must still be alive.
    [[ $(ls "$MNT" | wc -l) -gt 0 ]]
}

@test "every object is there under its escaped name, and nothing else" {
    assert_same_tree '%y %P'
}

@test "no name is longer than 255 bytes or holds a control character" {
    run -0 --separate-stderr find "$MNT" -mindepth 1 -printf '%f\0'
    find "$MNT" -mindepth 1 -printf '%f\0' >names
    LC_ALL=C perl -0ne 'chomp; die "long: $_\n" if length > 255; die "control: $_\n" if /[\x01-\x1f\x7f]/' names
    [[ $(tr -cd '\0' <names | wc -c) -gt 50 ]]
}

@test "no two names meet" {
    local directory
    while IFS= read -r -d '' directory; do
        LC_ALL=C ls -f "$directory" | sort | uniq -d >twice.txt
        [[ ! -s twice.txt ]] || fail "twice in $directory: $(cat twice.txt)"
    done < <(find "$MNT" -type d -print0)
    find "$MNT" -printf '%i\n' | sort | uniq -d >twice.txt
    [[ ! -s twice.txt ]]
}

@test "everything that is listed can be looked at and read" {
    run -0 --separate-stderr find "$MNT" -name files -prune -o -printf '%s %T@ %p\n'
    [[ -z $stderr ]]
    local path
    while IFS= read -r -d '' path; do
        cat "$path" >content || fail "cannot read $path"
        [[ $(stat -c %s "$path") -eq $(stat -c %s content) ]] || fail "size of $path"
    done < <(find "$MNT" -type d -name files -prune -o -type f -print0)
    assert_equal "$(find "$MNT" -xtype l)" ""
}

@test "everything that is listed resolves by its path on a cold mount" {
    find "$MNT" -mindepth 3 -maxdepth 4 -type d -printf '%P\0' | head -z -n 60 >paths
    mount_start
    local path
    while IFS= read -r -d '' path; do
        stat "$MNT/$path" >/dev/null || fail "cannot find $path"
    done <paths
}

@test "texts are the server's" {
    assert_same_texts ! -name metadata.json
}

@test "metadata says the same as the server's, whatever it is" {
    local path mounted
    while IFS= read -r -d '' path; do
        mounted=$(mounted_path "$path")
        python3 - "$EXPECTED/$path" "$mounted" <<'SCRIPT' || fail "$path"
import json, sys
def load(name):
    data = open(name, "rb").read()
    try:
        return json.loads(data, parse_int=str, parse_float=str, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return data
wanted, found = map(load, sys.argv[1:])
if wanted != found:
    print("wanted", repr(wanted)[:500], "found", repr(found)[:500], file=sys.stderr)
    sys.exit(1)
SCRIPT
    done < <(find "$EXPECTED" -name metadata.json -printf '%P\0')
}

@test "symlinks stay inside and come from no server" {
    local path target
    while IFS= read -r -d '' path && IFS= read -r -d '' target; do
        [[ $target =~ ^\.\./(\.\./)*(collections/[^/]+/)?versions/v[0-9]+$ ]] || fail "$path -> $target"
    done < <(find "$MNT" -type l -printf '%p\0%l\0')
}

@test "times and modes are sane" {
    assert_same_tree '%m %P' -type f
    assert_equal "$(find "$MNT" -newermt '1 hour' -print)" ""
}

@test "the original of a long name is in the xattr" {
    local path found=0
    while IFS= read -r -d '' path; do
        [[ $(getfattr --only-values -n user.registryfs.name "$path" | wc -c) -gt 200 ]] || fail "$path"
        found=$((found + 1))
    done < <(find "$MNT" -regextype posix-extended -regex '.*~[0-9a-f]{8}' ! -path '*/versions/*' -print0)
    [[ $found -gt 0 ]]
}

@test "what was passed over is reported, without control characters" {
    ls -R "$MNT" >/dev/null
    [[ -n $(cat "$MNT/.registryfs/errors") ]]
    run ! grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$MNT/.registryfs/errors"
    [[ $(wc -l <"$MNT/.registryfs/errors") -le 100 ]]
}

@test "the log holds no control characters" {
    run ! grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$LOG"
}
