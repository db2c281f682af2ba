#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Descriptors: as many open files as anybody wants with few of them, and life without any.
# OPEN_FILES=3000 for more.

load lib/helpers

OPEN_FILES=${OPEN_FILES:-700}

setup_file() {
    suite_setup
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 \
        --param "files=$OPEN_FILES" --param file_bytes=40000 --param big_bytes=1000
}

setup() {
    test_setup
    FILES=large/r0/collections/c0/versions/v0/files
}

# A registryfs that may have $1 descriptors at most.
limited_to() {
    printf '#!/bin/sh\nexec prlimit --nofile=%s:%s "%s" "$@"\n' "$(($1 / 2))" "$1" "$REGISTRYFS" >"$TEST_DIR/registryfs"
    chmod +x "$TEST_DIR/registryfs"
    REGISTRYFS=$TEST_DIR/registryfs
}

@test "very many open and mapped files need few descriptors, and the others notice nothing" {
    limited_to 1024
    mount_start
    grep -q '^Max open files *1024 *1024 ' "/proc/$PID/limits"
    python3 - "$MNT/$FILES" "$OPEN_FILES" "$TEST_DIR/opened" "$TEST_DIR/go" <<'PYTHON' &
import mmap, os, resource, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
paths = [os.path.join(folder, name) for folder, _, files in os.walk(sys.argv[1]) for name in files]
held = [os.open(path, os.O_RDONLY) for path in paths]
assert len(held) >= int(sys.argv[2]), len(held)
first = [os.pread(file, 16, 0) for file in held]
maps = [mmap.mmap(file, 0, prot=mmap.PROT_READ) for file in held]
assert all(map[:16] == bytes for map, bytes in zip(maps, first))
open(sys.argv[3], "w").close()
while not os.path.exists(sys.argv[4]):
    time.sleep(0.05)
for file, map in zip(held, maps):
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    size = os.fstat(file).st_size
    assert len(os.pread(file, size, 0)) == size
    assert map[size - 1] is not None
PYTHON
    local reader=$!
    eventually 240 test -e "$TEST_DIR/opened"
    [[ $(find "/proc/$PID/fd" -type l | wc -l) -lt 900 ]]
    run -0 "$REGISTRYFS" --status "$MNT"
    [[ $output == *'state: healthy'* ]] || fail "$output"
    touch "$TEST_DIR/go"
    wait "$reader"
    run ! grep -q 'Too many open files' "$LOG"
}

cpu_ticks() {
    awk '{ print $14 + $15 }' "/proc/$PID/stat"
}

@test "without any descriptor left --status answers and no thread spins" {
    mount_start
    run -0 "$REGISTRYFS" --status "$MNT"
    # Open files fill the gaps below what it keeps in reserve.
    local free=0 ticks held=() file one
    for file in "$MNT/$FILES"/d0/s0/f00000[0-3].bin; do
        exec {one}<"$file"
        held+=("$one")
        head -c 1 "$file" >/dev/null
    done
    while [[ -e /proc/$PID/fd/$free ]]; do
        free=$((free + 1))
    done
    prlimit --pid "$PID" --nofile="$free:$free"
    ticks=$(cpu_ticks)
    for _ in 1 2; do
        within 60000 "$REGISTRYFS" --status "$MNT" >"$TEST_DIR/status" || [[ $? == 1 ]]
        grep -qE '^state: (healthy|degraded)$' "$TEST_DIR/status"
    done
    sleep 2
    # A thread that spins takes what there is: far more than half a second of these two.
    (($(cpu_ticks) - ticks < $(getconf CLK_TCK))) || fail "$(($(cpu_ticks) - ticks)) ticks"
    for one in "${held[@]}"; do
        exec {one}<&-
    done
}
