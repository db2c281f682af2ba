#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The first command of the README, in a fresh copy of the sources (design 7).

load lib/helpers

setup_file() {
    suite_setup
    # shellcheck source=tests/lib/files.bash
    source "$ROOT/tests/lib/files.bash"
    mkdir clone
    (cd "$ROOT" && source_files | tar -cf - -T -) | tar -xf - -C clone
}

setup() {
    test_setup
    cd "$SUITE_DIR/clone" || return
}

teardown() {
    ./contrib/try stop >/dev/null 3>&-
    test_teardown
}

# What it starts must not keep the test's own descriptors.
try() {
    within 600000 ./contrib/try "$@" 3>&-
}

nothing_is_left() {
    [[ ! -e build/try ]] || fail "build/try is left" || return
    [[ -z $(mounts_below "$SUITE_DIR") ]] || fail "a mount is left" || return
    eventually 5 no_process_is_left
}

no_process_is_left() {
    [[ -z $(processes_of "$TEST_DIR") ]]
}

@test "it ends with a mounted tree and says how to stop it" {
    run -0 try
    [[ $output == *"ls -l acme"* && $output == *"production -> ../versions/"* ]]
    [[ $output == *"./contrib/try stop" ]]
    grep -q . build/try/mnt/acme/model/description
    run -0 try
    [[ $output == "Already running."* && $output == *"./contrib/try stop" ]]
    run -0 try stop
    nothing_is_left
    run -0 try stop
}

@test "it mounts where it is told to, and leaves that directory alone" {
    mkdir "$TEST_DIR/a place"
    run -0 try "$TEST_DIR/a place"
    [[ -d $TEST_DIR/a\ place/acme/model ]]
    run -0 try stop
    [[ -d $TEST_DIR/a\ place ]]
    nothing_is_left
}

@test "with a key it mounts the real thing" {
    sandbox_start sample
    reset_counts
    run -0 try
    [[ ! -e build/try/sandbox.pid ]]
    [[ $(graphql_count) -gt 0 ]]
    [[ -d build/try/mnt/acme/model ]]
    run -0 try stop
}

@test "failures: one line, nothing left" {
    touch "$TEST_DIR/file"
    run -1 try "$TEST_DIR/file"
    [[ ${lines[-1]} == "try: "*"not a directory"* ]]
    run -1 try --unknown
    [[ ${lines[-1]} == "try: usage:"* ]]
    WANDB_API_KEY=wrong WANDB_BASE_URL=http://127.0.0.1:1 run -1 try
    [[ ${lines[-1]} == "try: the mount failed"* ]]
    nothing_is_left
}
