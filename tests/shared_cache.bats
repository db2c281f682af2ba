#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A disk cache that others use, too (design 6): other mounts, other servers, other people, a slow
# disk. Right bytes, and nobody waits for somebody else.

# shellcheck disable=SC2153 # FILE is cached_file's

load lib/helpers
load lib/cached_file

gets() {
    control GET /counts | jq .storage.gets
}

fault_was_met() {
    [[ $(control GET /faults | jq '[.[].hits] | min') -gt 0 ]]
}

# One answer of the storage late ($1 milliseconds) and wrong ($2 flipped bytes), while another mount
# reads: what the other one got, and what a third one finds then.
read_beside_late_answer() {
    local late
    mount_start --cache-dir "$CACHE"
    late=$MNT
    stat "$late/$FILE" >/dev/null
    fault delay target '"storage"' times 1 ms "$1"
    [[ $2 == 0 ]] || fault wrong_bytes target '"storage"' times 1 offset 70000 count "$2"
    cat "$late/$FILE" >"$TEST_DIR/late" 2>/dev/null &
    local reader=$!
    eventually 30 fault_was_met
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    wait "$reader" || true
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ ! -s $MNT/.registryfs/errors ]]
}

@test "late and wrong bytes of one mount do not replace what another one has verified" {
    read_beside_late_answer 4000 1
    # Nor is the disk's copy any other.
    find "$CACHE/objects" -type f -size +2M -exec sha256sum {} + | grep -q "^$HASH "
}

@test "late and right bytes: the same" {
    read_beside_late_answer 1000 0
    [[ $(sha256 "$TEST_DIR/late") == "$HASH" ]]
}

# What 4 KiB from the middle of the file are: the rest is not fetched, nor verified.
some_bytes() {
    dd if="$MNT/$FILE" bs=4096 skip=300 count=1 status=none | sha256sum | cut -d ' ' -f 1
}

@test "a server's unverified bytes are not served for another server" {
    local honest=$SANDBOX_DIR right
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 \
        --param files=16 --param file_bytes=3000000 --param big_bytes=1000
    local hostile=$SANDBOX_DIR
    fault wrong_bytes target '"storage"' offset 0 count 3000000
    mount_start --cache-dir "$CACHE"
    run -0 some_bytes
    sandbox_use "$honest"
    reset_counts
    mount_start --cache-dir "$CACHE"
    right=$(some_bytes)
    [[ $right != "$output" ]]
    [[ $(gets) -gt 0 ]]
    # Who reads on to the end has it verified, which whoever closes it early does not.
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    # The twin: what is verified is for everybody, whoever has fetched it.
    sandbox_use "$hostile"
    reset_counts
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ $(gets) == 0 ]]
    sandbox_use "$honest"
}

# refused WORD…: mounting fails with 32, and with one line that has the words.
refused() {
    local word
    run -32 "$REGISTRYFS" --cache-dir "$CACHE" "$TEST_DIR/refused"
    [[ ${#lines[@]} == 1 ]] || fail "$output" || return
    for word in "$@"; do
        [[ $output == *"$word"* ]] || fail "$output" || return
    done
    assert_nothing_mounted
}

# Both contents are in the cache, whole and right.
both_kept() {
    cat "$MNT/$FILE" "$MNT/$OTHER" >/dev/null
    [[ $(find "$CACHE/objects" -type f -size +2M ! -name '*.blocks' | wc -l) == 2 ]]
}

@test "-o verify=open: what earlier mounts found right is hashed again, once a mount" {
    local first gets contents suffix way OTHER=$FILES/d0/s0/f000001.bin
    mount_start --cache-dir "$CACHE"
    eventually 60 both_kept
    first=$(head -c 1000 "$MNT/$FILE" | cksum)
    mount_stop
    reset_counts
    mount_start --cache-dir "$CACHE" -o verify=open,passthrough=off
    assert_equal "$(sha256 "$MNT/$FILE")" "$HASH"
    assert_equal "$(sha256 "$MNT/$FILE")" "$HASH"
    assert_equal "$(sha256 "$MNT/$OTHER")" "$(server_hash "${OTHER#"$FILES/"}")"
    assert_equal "$(control GET /counts | jq .storage.gets)" 0
    # Each whole once for its digest; then as without the option.
    (($(status_value content_from_disk) <= 4 * 3000000)) || fail "$(cat "$MNT/.registryfs/status")"
    mount_stop
    # Blocks with fitting checksums, and not of this content.
    mapfile -t contents < <(find "$CACHE/objects" -type f -size +2M ! -name '*.blocks')
    for suffix in "" .blocks; do
        mv "${contents[0]}$suffix" kept
        mv "${contents[1]}$suffix" "${contents[0]}$suffix"
        mv kept "${contents[1]}$suffix"
    done
    for way in off auto; do
        cp -r "$CACHE" "$CACHE-$way"
        reset_counts
        mount_start --cache-dir "$CACHE-$way" -o "verify=open,passthrough=$way"
        assert_equal "$(head -c 1000 "$MNT/$FILE" | cksum)" "$first"
        assert_equal "$(sha256 "$MNT/$FILE")" "$HASH"
        gets=$(control GET /counts | jq .storage.gets)
        ((gets > 0)) || fail "nothing was fetched anew"
        mount_stop
    done
}

@test "a cache directory that others can change is refused" {
    mkdir "$TEST_DIR/refused"
    mkdir -m 777 "$CACHE"
    refused "$CACHE" "--cache-dir"
    chmod 770 "$CACHE"
    [[ $(id -u) != 0 ]] || chgrp 100 "$CACHE"
    [[ $(id -u) != 0 ]] || refused "$CACHE" "group"
    chmod 700 "$CACHE"
    mkdir -p "$CACHE/objects/ab"
    chmod 777 "$CACHE/objects/ab"
    refused "$CACHE/objects/ab"
    chmod 700 "$CACHE/objects/ab"
    if [[ $(id -u) == 0 ]]; then
        chown 65534 "$CACHE"
        refused "belongs to user 65534"
        chown 0 "$CACHE"
    fi
    # Nothing is wrong with it any more.
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
}

@test "one's own cache directory is not refused: umask 002, a sticky parent, one that is made" {
    local parent=$TEST_DIR/everybody
    mkdir -m 1777 "$parent"
    mkdir -m 700 "$parent/own"
    if [[ $(id -u) == 0 ]]; then
        mkdir -m 775 "$parent/group"
        chgrp 0 "$parent/group"
    fi
    ln -s "$parent/own" "$TEST_DIR/link"
    for directory in "$parent/own" "$parent/group" "$parent/made/deep/down" "$TEST_DIR/link"; do
        mount_start --cache-dir "$directory"
        [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
        mount_stop
        [[ -n $(find "$directory/" -name '*.blocks') ]]
    done
}

# Holds a lock on every file and folder of the cache until it is killed.
hold_locks() {
    python3 - "$1" "$TEST_DIR/locked" <<'PYTHON' &
import fcntl, os, signal, sys
held = []
for folder, folders, files in os.walk(sys.argv[1]):
    for name in [folder] + [os.path.join(folder, name) for name in files]:
        held.append(os.open(name, os.O_RDONLY))
        fcntl.flock(held[-1], fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
signal.pause()
PYTHON
    HOLDER=$!
    eventually 30 test -e "$TEST_DIR/locked"
}

@test "nobody waits for a lock in the cache, and the mount ends" {
    mount_start --cache-dir "$CACHE"
    cat "$MNT/$FILE" >/dev/null
    head -c 10 "$MNT/$FILES/d0/s0/f000001.bin" >/dev/null
    mount_stop
    hold_locks "$CACHE"
    mount_start --cache-dir "$CACHE"
    local file
    for file in f000000 f000001 f000002; do
        [[ $(within 60000 sha256sum "$MNT/$FILES/d0/s0/$file.bin") == "$(server_hash "d0/s0/$file.bin")"* ]]
    done
    within 60000 stat "$MNT/$FILES/d0/s0/f000003.bin" >/dev/null
    kill -TERM "$PID"
    wait_for_end "$(cat "$MNT.keeper")" 30
    mount_stop
    kill "$HOLDER"
    wait "$HOLDER" || true
    # The twin: the cache is as good as before.
    mount_start --cache-dir "$CACHE"
    reset_counts
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ $(gets) == 0 ]]
}

# Makes $TEST_DIR/registryfs, for which reading what has $1 in its path takes as long as $TEST_DIR/slow
# exists.
make_slow() {
    local preload
    preload=$(find "${REGISTRYFS%/fs/*}/tests" -name 'libslow_disk.so')
    [[ -n $preload ]] || skip "libslow_disk.so was not built beside $REGISTRYFS"
    printf '#!/bin/sh\nLD_PRELOAD=%s SLOW_DISK=%s SLOW_PART=%s exec %s "$@"\n' \
        "$preload" "$TEST_DIR/slow" "$1" "$REGISTRYFS" >"$TEST_DIR/registryfs"
    chmod +x "$TEST_DIR/registryfs"
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
}

# has_locked PROCESS FILE: by flock.
has_locked() {
    grep -qE "FLOCK .* $1 [^ ]*:$(stat -c %i "$2") " /proc/locks
}

# works_beside PROCESS: another mount reads, looks and ends while that one has the cache's lock.
works_beside() {
    local file
    mount_start --cache-dir "$CACHE" || return
    for file in f000000 f000001 f000002; do
        [[ $(within 60000 sha256sum "$MNT/$FILES/d0/s0/$file.bin") == "$(server_hash "d0/s0/$file.bin")"* ]] || return
    done
    within 60000 stat "$MNT/$FILES/d0/s0/f000003.bin" >/dev/null || return
    has_locked "$1" "$CACHE/lock" && kill -TERM "$PID" && wait_for_end "$(cat "$MNT.keeper")" 30
}

@test "a mount that is stopped with the cache's lock does not stop another one" {
    local stopped reader outcome=0
    make_slow /cache/lock
    mount_start --cache-dir "$CACHE"
    cat "$MNT/$FILE" >/dev/null
    mount_stop
    REGISTRYFS=$TEST_DIR/registryfs mount_start --cache-dir "$CACHE"
    stopped=$PID
    touch "$TEST_DIR/slow"
    cat "$MNT/$FILES/d0/s0/f000001.bin" >"$TEST_DIR/read" &
    reader=$!
    eventually 30 has_locked "$stopped" "$CACHE/lock"
    kill -STOP "$stopped"
    rm "$TEST_DIR/slow"
    works_beside "$stopped" || outcome=$?
    kill -CONT "$stopped"
    [[ $outcome == 0 ]]
    # It goes on where it was.
    wait "$reader"
    [[ $(sha256 "$TEST_DIR/read") == "$(server_hash d0/s0/f000001.bin)" ]]
}

has_asked() {
    [[ $(gets) -gt 2 ]]
}

# share_a_cold_read MOUNTS [SIGNAL]: what mounts with one cache are sent when all read a file of 64 MiB at once, 20 ms away,
# in hundredths of its size, is $share then. SIGNAL is sent to the first one when it has begun.
share_a_cold_read() {
    local size=$((64 << 20)) file=large/r0/collections/c0/versions/v0/files/big.bin mounts=() readers=() first i
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 --param files=1 --param big_bytes=$size
    for ((i = 0; i < $1; i++)); do
        mount_start --cache-dir "$CACHE"
        stat "$MNT/$file" >/dev/null
        first=${first:-$PID}
        mounts+=("$MNT")
    done
    control POST /delay '{"ms": 20, "target": "storage"}' >/dev/null
    reset_counts
    for ((i = 0; i < $1; i++)); do
        sha256sum "${mounts[i]}/$file" >"$TEST_DIR/sum.$i" 2>/dev/null &
        readers+=($!)
        [[ $i -gt 0 || -z ${2:-} ]] || eventually 30 has_asked
    done
    [[ -z ${2:-} ]] || kill -"$2" "$first"
    first_mount=${mounts[0]}
    for ((i = $# - 1; i < $1; i++)); do
        wait "${readers[i]}"
        grep -q "^$(server_hash big.bin) " "$TEST_DIR/sum.$i"
    done
    share=$(control GET /counts | jq ".storage.bytes * 100 / $size | floor")
    [[ ${2:-} != STOP ]] || kill -CONT "$first"
    wait "${readers[0]}" || [[ ${2:-} == KILL ]]
}

# On a quiet machine it is 100; one that is busy keeps the mount that fetches from going on for longer than the
# others wait for it (150 beside twelve busy processes). Without sharing it is 760; 250 to 290 for the four below.
@test "eight mounts that read the same at once fetch it about once" {
    local share
    share_a_cold_read 8
    [[ $share -le 300 ]] || fail "$share %"
}

@test "… and go on without the one that is stopped midway" {
    local share
    share_a_cold_read 4 STOP
    [[ $share -le 200 ]] || fail "$share %"
}

@test "… or killed" {
    local share first_mount
    share_a_cold_read 4 KILL
    [[ $share -le 200 ]] || fail "$share %"
    fusermount3 -u -z "$first_mount"
    wait_for_end "$(cat "$first_mount.keeper")" 10
    rm "$first_mount.keeper"
}

@test "a cache on a read-only disk is read from, and one line says why nothing is kept" {
    [[ $EUID -eq 0 ]] || skip "needs root"
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    mount_stop
    mkdir readonly
    mount --bind "$CACHE" readonly
    mount -o remount,bind,ro readonly
    reset_counts
    mount_start --cache-dir "$PWD/readonly"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    [[ $(gets) == 0 ]]
    [[ $(sha256 "$MNT/$FILES/d0/s0/f000001.bin") == "$(server_hash d0/s0/f000001.bin)" ]]
    [[ $(grep -c "Read-only file system" "$MNT/.registryfs/errors") == 1 ]]
    [[ $(wc -l <"$MNT/.registryfs/errors") == 1 ]]
    mount_stop
    umount readonly
}

# What is on the cache's disk, without the empty file of locks.
kept_files() {
    find "$CACHE" -type f ! -name flights
}

@test "a store that refuses leaves nothing in the cache of two that ask, and neither waits for the other" {
    local first
    mount_start --cache-dir "$CACHE"
    first=$MNT
    mount_start --cache-dir "$CACHE"
    stat "$first/$FILE" "$MNT/$FILE" >/dev/null
    fault status target '"storage"' status 404
    cat "$first/$FILE" >/dev/null 2>&1 &
    run ! within 60000 cat "$MNT/$FILE"
    wait $! || true
    [[ -z $(kept_files) ]]
    control DELETE /faults >/dev/null
    [[ $(sha256 "$MNT/$FILE") == "$HASH" && $(sha256 "$first/$FILE") == "$HASH" ]]
}

@test "small files that two mounts copy at once are fetched once" {
    local first reader
    mount_start --cache-dir "$CACHE"
    first=$MNT
    mount_start --cache-dir "$CACHE"
    find "$first/$FILES" "$MNT/$FILES" -type f >/dev/null
    control POST /delay '{"ms": 20, "target": "storage"}' >/dev/null
    reset_counts
    cp -r "$first/$FILES" one &
    reader=$!
    cp -r "$MNT/$FILES" other
    wait "$reader"
    control POST /delay '{"ms": 0, "target": "storage"}' >/dev/null
    diff -r one other
    # The files' contents, and some more on a busy machine.
    local contents
    contents=$(find one -type f -exec sha256sum {} + | cut -d ' ' -f 1 | sort -u | wc -l)
    [[ $(gets) -le $((contents + contents / 2)) ]] || fail "$(gets) requests for $contents contents"
}

@test "a slow disk does not stop what needs no disk" {
    local slow=$TEST_DIR/slow file readers=()
    make_slow /objects/
    REGISTRYFS=$TEST_DIR/registryfs mount_start --cache-dir "$CACHE"
    cat "$MNT/$FILES"/d0/s0/f00000[0-7].bin >/dev/null
    mount_stop
    REGISTRYFS=$TEST_DIR/registryfs mount_start --cache-dir "$CACHE"
    ls "$MNT/$FILES/d0/s0" >/dev/null
    touch "$slow"
    for file in {0..7}; do
        cat "$MNT/$FILES/d0/s0/f00000$file.bin" >"$TEST_DIR/read.$file" &
        readers+=($!)
    done
    # They are at the disk, as many as can be.
    eventually 30 test "$(pgrep -c -f "cat $MNT/$FILES")" -ge 8
    for file in f000008 f000009 f000010; do
        within 60000 stat "$MNT/$FILES/d0/s0/$file.bin" >/dev/null || { rm "$slow"; return 1; }
    done
    within 60000 cat "$MNT/.registryfs/status" >/dev/null || { rm "$slow"; return 1; }
    rm "$slow"
    wait "${readers[@]}"
    for file in {0..7}; do
        [[ $(sha256 "$TEST_DIR/read.$file") == "$(server_hash "d0/s0/f00000$file.bin")" ]]
    done
}
