#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What is whole and right in the cache is read by the kernel itself (FUSE passthrough), and in the old
# way where that cannot be: the same bytes, never an altered one, never an error.

load lib/helpers
load lib/cached_file

teardown() {
    local stacked
    exec 5<&- 6<&-
    stop_mounts_of "$TEST_DIR"
    for stacked in upper lower memory; do
        ! is_mounted "$TEST_DIR/$stacked" || umount "$TEST_DIR/$stacked"
    done
    test_teardown
}

# What only root with a recent kernel has.
needs_passthrough() {
    local major minor
    IFS=. read -r major minor _ < <(uname -r)
    ((major > 6 || (major == 6 && minor >= 9))) || skip "the kernel cannot do it"
    [[ $(id -u) == 0 ]] || skip "needs root"
}

# Opened once, to be read by the kernel itself.
is_passed() {
    local before
    before=$(status_value passed_opens)
    : <"$MNT/$FILE"
    [[ $(status_value passed_opens) -gt $before ]]
}

# Fills the cache with the whole and verified file, and leaves it without a mount.
warm() {
    mount_start --cache-dir "$CACHE"
    eventually 60 is_read_and_kept
    mount_stop
}

# What comes while the cache's room is still being counted is not kept: then it is read once more.
is_read_and_kept() {
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]] && is_kept
}

no_file_is_passed() {
    [[ $(status_value passed_files) == 0 ]]
}

# Found right; what the daemon does then is done when it has ended.
is_kept() {
    [[ -n $(data) ]]
}

data() {
    find "$CACHE/objects" -type f -size +2M ! -name '*.blocks' 2>/dev/null
}

# The file is served in the old way, and right.
assert_not_passed() {
    exec 5<"$MNT/$FILE"
    [[ $(status_value passed_files) == 0 ]]
    [[ $(sha256sum <&5 | cut -d ' ' -f 1) == "$HASH" ]]
    exec 5<&-
    [[ $(status_value passed_opens) == 0 ]]
}

@test "what is whole in the cache is read by the kernel itself: the same bytes, and the daemon reads none" {
    needs_passthrough
    warm
    reset_counts
    mount_start --cache-dir "$CACHE"
    [[ $(status_value passthrough) == on ]]
    exec 5<"$MNT/$FILE"
    [[ $(status_value passed_files) == 1 ]]
    [[ $(sha256sum <&5 | cut -d ' ' -f 1) == "$HASH" ]]
    exec 5<&-
    [[ $(python3 -c 'import hashlib, mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as map:
    file.close()
    print(hashlib.sha256(map).hexdigest())' "$MNT/$FILE") == "$HASH" ]]
    [[ $(stat -c %s "$MNT/$FILE") == 3000000 ]]
    [[ $(status_value passed_opens) == 2 ]]
    [[ $(status_value content_from_disk) == 0 && $(status_value content_from_memory) == 0 ]]
    [[ $(control GET /counts | jq .storage.gets) == 0 ]]
    eventually 60 no_file_is_passed
    grep -q '^registryfs_passed_opens_total 2$' "$MNT/.registryfs/metrics"
    "$REGISTRYFS" --status "$MNT" --json | jq -e '.passthrough == "on"'
}

@test "the old way is taken, and status says why: by option, without a cache, without the privilege" {
    warm
    mount_start --cache-dir "$CACHE" -o passthrough=off
    [[ $(status_value passthrough) == 'off: by option' ]]
    assert_not_passed
    mount_start --no-cache
    [[ $(status_value passthrough) == 'off: there is no disk cache' ]]
    assert_not_passed
    [[ $(id -u) == 0 ]] || {
        mount_start --cache-dir "$CACHE"
        [[ $(status_value passthrough) == 'off: it needs root'* ]]
        assert_not_passed
    }
    run -1 "$REGISTRYFS" -o passthrough=perhaps "$TEST_DIR"
}

@test "in a user namespace the old way is taken" {
    needs_passthrough
    unshare -Urm true || skip "needs user namespaces"
    warm
    run -0 --separate-stderr unshare -Urm "$REGISTRYFS" run --cache-dir "$CACHE" -- bash -euc '
        exec 5<"$REGISTRYFS_MOUNT/$1"
        sha256sum <&5
        grep -E "^pass" "$REGISTRYFS_MOUNT/.registryfs/status"' - "$FILE"
    [[ ${lines[0]} == "$HASH "* ]] || fail "$output $stderr"
    [[ ${lines[1]} == 'passthrough: off: the kernel refuses it here, as in user namespaces' ]] || fail "$output"
    [[ ${lines[2]} == 'passed_files: 0' ]]
}

@test "a cache on an overlay is passed, and one on an overlay of an overlay is not" {
    needs_passthrough
    grep -qw overlay /proc/filesystems || skip "no overlay filesystem"
    mkdir "$TEST_DIR"/{memory,lower,upper}
    mount -t tmpfs tmpfs "$TEST_DIR/memory"
    mkdir "$TEST_DIR/memory"/{below,a,a.work,b,b.work}
    mount -t overlay overlay "$TEST_DIR/lower" \
        -o "lowerdir=$TEST_DIR/memory/below,upperdir=$TEST_DIR/memory/a,workdir=$TEST_DIR/memory/a.work"
    CACHE=$TEST_DIR/lower/not/yet/there
    warm
    mount_start --cache-dir "$CACHE"
    is_passed
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    mount_stop
    mount -t overlay overlay "$TEST_DIR/upper" \
        -o "lowerdir=$TEST_DIR/lower,upperdir=$TEST_DIR/memory/b,workdir=$TEST_DIR/memory/b.work"
    CACHE=$TEST_DIR/upper/another
    warm
    mount_start --cache-dir "$CACHE"
    assert_not_passed
    [[ $(status_value passthrough) == 'off: the cache lies on too many file systems'* ]]
}

@test "a cache file that was altered is never passed, whatever its times say" {
    needs_passthrough
    warm
    touch -r "$(data)" "$TEST_DIR/times"
    printf 'altered' | dd of="$(data)" bs=1 seek=1234567 conv=notrunc status=none
    touch -r "$TEST_DIR/times" "$(data)"
    mount_start --cache-dir "$CACHE"
    assert_not_passed
    [[ $(status_value cache_damaged) -gt 0 ]]
    mount_stop
    # Another file in its place.
    warm
    cp -a "$(data)" "$TEST_DIR/other"
    printf 'altered' | dd of="$TEST_DIR/other" bs=1 seek=1234567 conv=notrunc status=none
    touch -r "$(data)" "$TEST_DIR/other"
    mv "$TEST_DIR/other" "$(data)"
    mount_start --cache-dir "$CACHE"
    assert_not_passed
}

@test "altered between two opens of one mount: the same" {
    needs_passthrough
    warm
    mount_start --cache-dir "$CACHE"
    is_passed
    printf 'altered' | dd of="$(data)" bs=1 seek=1234567 conv=notrunc status=none
    eventually 60 no_file_is_passed
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ $(status_value passed_opens) == 1 ]]
}

@test "touched but right, or from before the machine was started: compared once more, then passed" {
    needs_passthrough
    warm
    chmod 400 "$(data)"
    mount_start --cache-dir "$CACHE"
    assert_not_passed
    eventually 60 is_passed
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ $(status_value cache_damaged) == 0 ]]
    mount_stop
    # Where the list of blocks says in which run of the kernel that was.
    printf 'bootboot' | dd of="$(data).blocks" bs=1 seek=32 conv=notrunc status=none
    mount_start --cache-dir "$CACHE"
    assert_not_passed
    eventually 60 is_passed
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
}

@test "a file that becomes whole while it is open stays in the old way until all have closed it" {
    needs_passthrough
    mount_start --cache-dir "$CACHE"
    exec 5<"$MNT/$FILE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    eventually 60 is_kept
    exec 6<"$MNT/$FILE"
    [[ $(sha256sum <&6 | cut -d ' ' -f 1) == "$HASH" ]]
    [[ $(status_value passed_opens) == 0 ]]
    exec 5<&- 6<&-
    eventually 60 is_passed
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
}

@test "the official client's copy is passed once it was compared" {
    needs_passthrough
    local md5
    md5=$(control GET /state | jq -r --arg path "${FILE#"$FILES/"}" '.organizations[0].registries[0].collections[0]
        .versions[0].files[] | select(.path == $path).md5')
    warm
    export WANDB_CACHE_DIR=$TEST_DIR/official
    mkdir -p "$WANDB_CACHE_DIR/artifacts/obj/md5/${md5:0:2}"
    cp "$(data)" "$WANDB_CACHE_DIR/artifacts/obj/md5/${md5:0:2}/${md5:2}"
    reset_counts
    mount_start --cache-dir "$TEST_DIR/another"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    eventually 60 is_passed
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ $(control GET /counts | jq .storage.gets) == 0 ]]
}

@test "room is not made with a file that is passed, but with it once it is closed" {
    needs_passthrough
    local other kept
    warm
    kept=$(data)
    touch -d '1 hour ago' "$kept.blocks"
    mount_start --cache-dir "$CACHE" --cache-size 8M
    exec 5<"$MNT/$FILE"
    [[ $(status_value passed_files) == 1 ]]
    touch -d '1 hour ago' "$kept.blocks"
    for other in 1 2 3 4 5; do
        cat "$MNT/$FILES/d0/s0/f00000$other.bin" >/dev/null
    done
    [[ -e $kept && -e $kept.blocks ]]
    [[ $(sha256sum <&5 | cut -d ' ' -f 1) == "$HASH" ]]
    exec 5<&-
    touch -d '1 hour ago' "$kept.blocks"
    is_evicted() {
        touch -c -d '1 hour ago' "$kept.blocks"
        cat "$MNT/$FILES/d0/s0"/f0000{06,07,08,09,10}.bin >/dev/null
        [[ ! -e $kept ]]
    }
    eventually 60 is_evicted
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
}

@test "a version that is replaced: who has its file open reads it to the end, others the new one" {
    needs_passthrough
    sandbox_start sample
    mount_start --cache-dir "$CACHE" --ttl 0.1
    local churn=$MNT/acme/model/collections/churn old new
    FILE=acme/model/collections/churn/aliases/production/files/model.pt
    new=$(sha256 "$churn/versions/v1/files/model.pt")
    old=$(sha256 "$MNT/$FILE")
    [[ $new != "$old" ]]
    eventually 60 is_passed
    exec 5<"$MNT/$FILE"
    [[ $(status_value passed_files) == 1 ]]
    set_alias acme-org-entity model churn v1 production
    is_moved() { [[ $(readlink "$churn/aliases/production") == ../versions/v1 ]]; }
    eventually 60 is_moved
    [[ $(sha256 "$MNT/$FILE") == "$new" ]]
    [[ $(sha256sum <&5 | cut -d ' ' -f 1) == "$old" ]]
    exec 5<&-
}

@test "open passed files do not hold up the end: busy for umount, not for SIGTERM" {
    needs_passthrough
    warm
    mount_start --cache-dir "$CACHE"
    exec 5<"$MNT/$FILE"
    head -c 1000000 <&5 >"$TEST_DIR/read"
    run ! fusermount3 -u "$MNT"
    kill -TERM "$PID"
    wait_for_end "$PID" 20
    [[ $(cat "$MNT.status") == 0 ]]
    # What the kernel has of it is right, and so is what it reads on.
    cat <&5 >>"$TEST_DIR/read" 2>/dev/null || true
    exec 5<&-
    cmp -n "$(stat -c %s "$TEST_DIR/read")" "$TEST_DIR/read" "$(data)"
    mount_start --cache-dir "$CACHE"
    is_passed
}

@test "eight processes open, read, map and close while files become whole: right bytes, no error" {
    warm
    mount_start --cache-dir "$CACHE"
    control GET /state | jq -r '.organizations[0].registries[0].collections[0].versions[0].files[]
        | "\(.sha256) \(.path)"' >"$TEST_DIR/hashes"
    run -0 timeout 300 python3 "$ROOT/tests/lib/open_and_close.py" "$MNT/$FILES" "$TEST_DIR/hashes" 8 100
    [[ ! -s $MNT/.registryfs/errors ]] || fail "$(cat "$MNT/.registryfs/errors")"
    [[ $(id -u) != 0 ]] || echo "passed: $(status_value passed_opens)"
}
