#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Every way of asking the server × every fault of tests/faults/table, every change × tests/faults/saves,
# reading a file × tests/faults/files, listing files × tests/faults/manifests. Each begins with rows where nothing is wrong.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
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

@test "saves, rows 1 to 21" {
    python3 "$ROOT/tests/faults/saves.py" 1 21
}

@test "saves, the other rows" {
    python3 "$ROOT/tests/faults/saves.py" 22 -
}

@test "reading files" {
    sandbox_start large --param collections=1 --param versions=1 --param files=60 --param file_bytes=4096
    python3 "$ROOT/tests/faults/files.py"
}

@test "listing files by manifests and without" {
    sandbox_start sample
    python3 "$ROOT/tests/faults/manifests.py"
}
