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
    diff -U0 "$1" "$2" | head -n 30 >&2 || fail "$1 and $2 differ"
}

# expect_tree DIRECTORY: what a mount of everything should show, made by other code.
expect_tree() {
    mkdir "$1"
    python3 "$ROOT/tests/lib/expected_tree.py" "$WANDB_BASE_URL" "$WANDB_API_KEY" "$CONTROL_URL" "$1"
}

# describe DIRECTORY FORMAT [TEST…]: `find -printf FORMAT` of every entry that passes the tests,
# sorted, without what is inside of files/, lineage/ and members/
# and what the expression $PRUNED matches. The hash of a shortened name is shown as "########".
describe() {
    local directory=$1 format=$2
    shift 2
    [[ $# -gt 0 ]] || set -- -true
    (cd "$directory" && LC_ALL=C find . -mindepth 1 -regextype posix-extended \
        -regex "${PRUNED:-}" -prune -o \
        \( -regex '\./[^/]+/[^/]+/collections/[^/]+/versions/[^/]+/(files|lineage)' -prune -o -true \) \
        \( -regex '\./[^/]+/[^/]+/members' -prune -o -true \) \
        \( "$@" \) -printf "$format\n") |
        LC_ALL=C sed -E 's/~[0-9a-f]{8}(\/|$| )/~########\1/g' | LC_ALL=C sort
}

# assert_same_tree FORMAT [TEST…]: the mount and $EXPECTED agree about it.
assert_same_tree() {
    describe "$EXPECTED" "$@" >expected.txt
    describe "$MNT" "$@" >found.txt
    [[ -s expected.txt ]] || fail "nothing was compared" || return
    assert_same_text expected.txt found.txt
}

# assert_same_texts [JSON_NAME]: every attribute file reads as it should; files of that name need
# to say the same, but may be laid out differently.
assert_same_texts() {
    python3 "$ROOT/tests/lib/compare_texts.py" "$EXPECTED" "$MNT" "$@"
}
