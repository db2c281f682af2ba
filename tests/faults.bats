#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Every way of asking the server × every fault of tests/faults/table, which begins with rows where
# nothing is wrong.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

teardown_file() {
    suite_teardown
}

setup() {
    test_setup
}

teardown() {
    test_teardown
}

@test "the table, rows 1 to 24" {
    python3 "$ROOT/tests/faults/check.py" 1 24
}

@test "the table, rows 25 to 48" {
    python3 "$ROOT/tests/faults/check.py" 25 48
}

@test "the table, the other rows" {
    python3 "$ROOT/tests/faults/check.py" 49 -
}
