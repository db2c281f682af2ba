#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# null and odd values at every place of every answer, by the schema (protocol 9).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

@test "while mounting: it mounts or says in one line why not" {
    python3 "$ROOT/tests/faults/odd.py" mount
}

@test "while walking: every walk ends, and nothing of it stays" {
    python3 "$ROOT/tests/faults/odd.py" walk
}
