#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The disk cache (design 6): used after a restart, shared, limited, never wrong.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 \
        --param files=200 --param file_bytes=300000 --param big_bytes=70000000
}

setup() {
    test_setup
    export FILES=large/r0/collections/c0/versions/v0/files
    CACHE=$XDG_CACHE_HOME/registryfs
}

gets() {
    control GET /counts | jq .storage.gets
}

# The hash that the server has for a file.
server_hash() {
    control GET /state | jq -r --arg path "$1" '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == $path).sha256'
}

sha256() {
    sha256sum "$1" | cut -d ' ' -f 1
}

# The data file of the largest content in the cache.
largest_data() {
    find "$CACHE/objects" -type f ! -name '*.blocks' -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

# True when what was read has been found right, which may take a moment longer than reading.
is_verified() {
    [[ -n $(largest_data 2>/dev/null) ]]
}

has_kept_some() {
    [[ $(cache_bytes) -gt 20000000 ]]
}

cache_bytes() {
    du -s --block-size=1 "$CACHE" | cut -f 1
}

@test "what was read once is served from disk after a restart" {
    mount_start
    cat "$MNT/$FILES/big.bin" >"$TEST_DIR/first"
    [[ $(sha256 "$TEST_DIR/first") == "$(server_hash big.bin)" ]]
    eventually 60 is_verified
    mount_stop
    mount_start
    reset_counts
    cmp "$MNT/$FILES/big.bin" "$TEST_DIR/first"
    [[ $(gets) == 0 ]]
    cmp "$(largest_data)" "$TEST_DIR/first"
}

@test "two mounts share it" {
    mount_start
    cat "$MNT/$FILES/d0/s0/f000007.bin" >"$TEST_DIR/first"
    mount_start
    reset_counts
    cmp "$MNT/$FILES/d0/s0/f000007.bin" "$TEST_DIR/first"
    [[ $(gets) == 0 ]]
}

@test "a part that was read is not fetched again with the rest" {
    mount_start
    dd if="$MNT/$FILES/big.bin" of=/dev/null bs=1M skip=20 count=10 status=none
    mount_stop
    mount_start
    reset_counts
    [[ $(sha256 "$MNT/$FILES/big.bin") == "$(server_hash big.bin)" ]]
    [[ $(control GET /counts | jq .storage.bytes) -lt 62000000 ]]
}

@test "flipped bytes on disk are not served" {
    local data position
    mount_start
    cat "$MNT/$FILES/big.bin" >"$TEST_DIR/first"
    eventually 60 is_verified
    mount_stop
    data=$(largest_data)
    for position in 0 4096 33333333 69999999; do
        printf '\xff\x00\xff' | dd of="$data" bs=1 seek=$((position < 69999997 ? position : 69999997)) conv=notrunc status=none
    done
    mount_start
    cmp "$MNT/$FILES/big.bin" "$TEST_DIR/first"
    [[ $(status_value cache_damaged) -gt 0 ]]
    grep -q 'damaged bytes in the cache' "$MNT/.registryfs/errors"
    mount_stop
    # A file that was cut, and one whose list of blocks is garbage.
    truncate -s 1000000 "$data"
    mount_start
    cmp "$MNT/$FILES/big.bin" "$TEST_DIR/first"
    mount_stop
    head -c 100000 /dev/urandom >"$data.blocks"
    mount_start
    cmp "$MNT/$FILES/big.bin" "$TEST_DIR/first"
}

@test "the limit is kept, and the latest stays" {
    mount_start --cache-size 4M
    local file most=0 bytes
    for file in "$MNT/$FILES"/d0/s0/*; do
        cat "$file" >/dev/null
        bytes=$(cache_bytes)
        ((bytes <= most)) || most=$bytes
    done
    # Directories and the count itself come on top of the contents.
    ((most > 1000000 && most <= 4 * 1024 * 1024 + 1200000)) || fail "$most bytes"
    reset_counts
    cat "$file" >/dev/null
    [[ $(gets) == 0 ]]
}

@test "a directory that cannot be written: reads go on, said once" {
    if [[ $(id -u) == 0 ]]; then
        mount_start --cache-dir /proc/registryfs-cache
    else
        mkdir -m 555 "$TEST_DIR/locked"
        mount_start --cache-dir "$TEST_DIR/locked/cache"
    fi
    for file in d0/s0/f000001.bin d0/s0/f000002.bin big.bin; do
        [[ $(sha256 "$MNT/$FILES/$file") == "$(server_hash "$file")" ]]
    done
    [[ $(grep -c 'nothing is cached' "$LOG") == 1 ]]
    [[ $(status_value cache_problem) == 'nothing is cached'* ]]
}

@test "a disk that is full: reads go on, said once" {
    [[ $(id -u) == 0 ]] || skip "mounting a small disk needs root"
    mkdir "$TEST_DIR/disk"
    mount -t tmpfs -o size=8m none "$TEST_DIR/disk"
    mount_start --cache-dir "$TEST_DIR/disk/cache"
    local failed=0 file
    for file in big.bin d0/s0/f000001.bin; do
        [[ $(sha256 "$MNT/$FILES/$file") == "$(server_hash "$file")" ]] || failed=1
    done
    [[ $(grep -c 'nothing is cached' "$LOG") == 1 ]] || failed=1
    # A tenth of the disk stays free.
    [[ $(df --output=avail -k "$TEST_DIR/disk" | tail -n 1) -ge 819 ]] || failed=1
    mount_stop || failed=1
    umount "$TEST_DIR/disk"
    [[ $failed == 0 ]]
}

@test "--no-cache and --cache-size 0 keep nothing" {
    for option in --no-cache --cache-size=0; do
        mount_start "$option"
        [[ $(sha256 "$MNT/$FILES/d0/s0/f000003.bin") == "$(server_hash d0/s0/f000003.bin)" ]]
        mount_stop
        [[ ! -e $CACHE ]]
    done
}

@test "a file that the official client has cached is used, after its digest was checked" {
    local md5 place
    md5=$(control GET /state | jq -r '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == "big.bin").md5')
    export WANDB_CACHE_DIR=$TEST_DIR/official
    place=$WANDB_CACHE_DIR/artifacts/obj/md5/${md5:0:2}/${md5:2}
    mount_start --no-cache
    mkdir -p "${place%/*}"
    cat "$MNT/$FILES/big.bin" >"$place"
    mount_stop
    chmod -R a-w "$WANDB_CACHE_DIR"
    mount_start
    reset_counts
    cmp "$MNT/$FILES/big.bin" "$place"
    [[ $(gets) == 0 ]]
    mount_stop
    # The right size, but not the right bytes.
    chmod -R u+w "$WANDB_CACHE_DIR"
    printf 'x' | dd of="$place" bs=1 seek=1000 conv=notrunc status=none
    mount_start
    [[ $(sha256 "$MNT/$FILES/big.bin") == "$(server_hash big.bin)" ]]
    [[ $(gets) -gt 0 ]]
    [[ $(find "$WANDB_CACHE_DIR" -type f | wc -l) == 1 ]]
}

# Puts a copy of big.bin where the official client keeps contents below $1.
official_copy() {
    local md5 place
    md5=$(control GET /state | jq -r '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == "big.bin").md5')
    place=$1/artifacts/obj/md5/${md5:0:2}/${md5:2}
    mount_start --no-cache
    mkdir -p "${place%/*}"
    cat "$MNT/$FILES/big.bin" >"$place"
    mount_stop
    reset_counts
}

@test "the official client's cache is also found below XDG_CACHE_HOME, and WANDB_CACHE_DIR goes before it" {
    export XDG_CACHE_HOME=$TEST_DIR/elsewhere
    official_copy "$XDG_CACHE_HOME/wandb"
    mount_start
    [[ $(sha256 "$MNT/$FILES/big.bin") == "$(server_hash big.bin)" ]]
    [[ $(gets) == 0 ]]
    mount_stop
    mkdir "$TEST_DIR/empty"
    WANDB_CACHE_DIR=$TEST_DIR/empty mount_start
    [[ $(sha256 "$MNT/$FILES/big.bin") == "$(server_hash big.bin)" ]]
    [[ $(gets) -gt 0 ]]
}

@test "killed in the middle of reads, 20 times: every cached byte is right" {
    local round hash
    hash=$(server_hash big.bin)
    for round in {1..20}; do
        mount_start
        cat "$MNT/$FILES/big.bin" >/dev/null 2>&1 &
        cat "$MNT/$FILES"/d0/s0/* >/dev/null 2>&1 &
        # The last one is killed when it has kept something.
        ((round < 20)) || eventually 60 has_kept_some
        sleep "0.0$((round % 10))"
        kill -KILL "$PID"
        wait || true
        fusermount3 -u -z "$MNT"
        wait_for_end "$(cat "$MNT.keeper")" 10
        rm "$MNT.keeper"
    done
    mount_start
    [[ $(sha256 "$MNT/$FILES/big.bin") == "$hash" ]]
    for file in d0/s0/f000000.bin d0/s0/f000001.bin d0/s0/f000005.bin; do
        [[ $(sha256 "$MNT/$FILES/$file") == "$(server_hash "$file")" ]]
    done
    [[ $(status_value content_from_disk) -gt 0 ]]
}

@test "kernel pages of a version's file stay good across opens" {
    mount_start
    cat "$MNT/$FILES/d0/s0/f000004.bin" >/dev/null
    local before after
    before=$(status_value content_from_memory)-$(status_value content_from_disk)
    cat "$MNT/$FILES/d0/s0/f000004.bin" >/dev/null
    after=$(status_value content_from_memory)-$(status_value content_from_disk)
    [[ $before == "$after" ]]
}
