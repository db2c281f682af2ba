#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The benchmark of reading (tests/bench/files) runs, in its smallest form; its speeds say nothing here.

load lib/helpers

@test "it compares every way to read, and the first byte costs one request" {
    run -0 --separate-stderr env TMPDIR="$TEST_DIR" HELLO="${REGISTRYFS%/fs/*}/tests/bench/hello" "$ROOT/tests/bench/files" 9 1
    [[ ${lines[0]} == *"Linux"*"1 repetitions" ]]
    local row
    for row in 'first time' 'second time' 'mmap of the cache file' 'rclone mount' "50 ms away"; do
        grep -q "$row" <<<"$output" || fail "no row: $row"
    done
    # Every ratio is a number.
    [[ $(grep -cE '^\| (first|second) time.*\| [0-9.]+ +\| [0-9.]+ +\| [0-9.]+ +\| [0-9.]+ +\| (met|missed)' <<<"$output") == 10 ]]
    [[ $(grep -cE '^\| 8 (readers|cold names).*\| one: [0-9.]+ +\| [0-9.]+ +\| [0-9.]+ +\| [0-9.]+ +\| <= 1\.[25] +\| (met|missed)' <<<"$output") == 2 ]]
    grep -qE '^\| get into a directory +\| [0-9.]+ +\| rclone copy, sync: [0-9.]+ +\| [0-9.]+ ' <<<"$output"
    grep -qE '^\| the same, second time +\| [0-9.]+ +\| [0-9.]+ +\| [0-9.]+ +\| below 0\.01' <<<"$output"
    grep -qE 'requests from the lookup to the first byte +\| 1 +\| 1 +\| 1 ' <<<"$output"
    [[ $(find "$TEST_DIR" -mindepth 1 -maxdepth 1 -name 'registryfs-bench.*') == '' ]]
}

@test "its figures: median, least, greatest" {
    source "$ROOT/tests/bench/lib.bash"
    [[ $(figures 3 1 20) == $'3\t1\t20' ]]
    [[ $(figures 0.5 0.25) == $'0.375\t0.25\t0.5' ]]
    [[ $(figures 1234.6) == $'1235\t1235\t1235' ]]
    run -0 print_table <<<$'a\tb\n100\t2'
    [[ $output == $'| a   | b |\n|-----|---|\n| 100 | 2 |' ]]
    run -3 seconds bash -c 'exit 3'
}
