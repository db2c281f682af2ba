# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What a tree shows, and what a failed command says.

# refused STATUS [ARGUMENT…]: registryfs fails with this exit status and one line on stderr, prints
# nothing else, mounts nothing and does not show the key. The line stands in $stderr.
refused() {
    local wanted=$1
    shift
    run --separate-stderr -- within 40000 "$REGISTRYFS" "$@"
    # shellcheck disable=SC2154  # run's variables
    [[ $status -eq $wanted ]] || fail "exit status $status, not $wanted: $stderr" || return
    [[ -z $output ]] || fail "on stdout: $output" || return
    [[ -n $stderr && $stderr != *$'\n'* ]] || fail "not one line on stderr: $stderr" || return
    [[ -z ${WANDB_API_KEY:-} || $stderr != *"$WANDB_API_KEY"* ]] || fail "shows the key" || return
    assert_nothing_mounted || return
    [[ -z $(daemons) ]] || fail "a daemon is left: $(daemons)"
}

# The registryfs processes of this test.
daemons() {
    local pid
    for pid in $(processes_of "${TEST_DIR:-$SUITE_DIR}"); do
        [[ $(readlink "/proc/$pid/exe") != "$(realpath "$REGISTRYFS")" ]] || printf '%s\n' "$pid"
    done
}

# fails_with TEXT COMMAND…: the command fails and says this (an errno's text).
fails_with() {
    local text=$1
    shift
    run -- "$@"
    [[ $status -ne 0 ]] || fail "succeeded: $*" || return
    # shellcheck disable=SC2154  # run's variable
    [[ $output == *"$text"* ]] || fail "no \"$text\" in: $output"
}

# Every name below directory $1, hidden control directory left out, sorted bytewise.
tree_of() {
    (cd "$1" && LC_ALL=C find . -mindepth 1 | LC_ALL=C sort)
}

assert_equal() {
    [[ $1 == "$2" ]] || fail "expected:" "$2" "found:" "$1"
}

# assert_same_text FILE FILE: the difference is what the failure shows.
assert_same_text() {
    diff -u "$1" "$2" >&2 || fail "$1 and $2 differ"
}
