#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The benchmark works, and its counts of requests hold; what it says of time is not for a test.

load lib/helpers

@test "the small form of the benchmark: every row is there, every count of requests holds" {
    HELLO=$(dirname "$REGISTRYFS")/../tests/bench/hello run -0 "$ROOT/tests/bench/run" --small
    local row
    for row in 'warm find' 'warm cat' 'cold find' 'cold known path' 'first entry' 'listed: MiB' \
        'start to answering' '64 cats' 'warm lookups'; do
        [[ $output == *"$row"* ]] || fail "no row '$row': $output"
    done
}
