# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every bats suite loads: `load lib/helpers`. A suite starts its own sandbox servers and
# mounts; nothing is shared between suites. See CONTRIBUTING.md for an example. A suite that needs
# more than the four functions at the end does it in one of its own:
#
#   setup_file() { suite_setup; sandbox_start sample; }

bats_require_minimum_version 1.5.0
set -o pipefail

ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
REGISTRYFS=${REGISTRYFS:-$ROOT/build/fs/registryfs}
export ROOT REGISTRYFS

# shellcheck source=tests/lib/process.bash
source "$ROOT/tests/lib/process.bash"
# shellcheck source=tests/lib/sandbox.bash
source "$ROOT/tests/lib/sandbox.bash"
# shellcheck source=tests/lib/mount.bash
source "$ROOT/tests/lib/mount.bash"
# shellcheck source=tests/lib/tree.bash
source "$ROOT/tests/lib/tree.bash"

# Prints to the log that is shown when the test fails, and fails.
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# A private world: no credential, setting, cache or proxy of the person who runs the tests.
private_environment() {
    local variable
    for variable in $(compgen -e | grep -iE '^(WANDB_|XDG_|[a-z]+_proxy$|NETRC$)' || true); do
        unset "$variable"
    done
    export HOME=$1/home LC_ALL=C.UTF-8 TZ=UTC
    export XDG_CACHE_HOME=$HOME/.cache XDG_STATE_HOME=$HOME/.local/state XDG_CONFIG_HOME=$HOME/.config
    mkdir -p "$HOME"
    cd "$1" || return
}

suite_setup() {
    SUITE_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/registryfs-test.XXXXXX")
    export SUITE_DIR REGISTRYFS_TEST_OWNER=$SUITE_DIR
    private_environment "$SUITE_DIR"
}

suite_teardown() {
    local failed=0
    [[ -n ${SUITE_DIR:-} ]] || return 0 # the setup has failed
    stop_mounts_of "$SUITE_DIR" || failed=1
    stop_sandboxes_of "$SUITE_DIR" || failed=1
    remove_left_over "$SUITE_DIR" || failed=1
    cd / && chmod -R u+w "$SUITE_DIR" && rm -rf --one-file-system "$SUITE_DIR"
    return $failed
}

# A test's own directory, credentials for the suite's sandbox, counters at zero.
test_setup() {
    TEST_DIR=$(mktemp -d "$SUITE_DIR/test.XXXXXX")
    export TEST_DIR REGISTRYFS_TEST_OWNER=$TEST_DIR
    private_environment "$TEST_DIR"
    [[ -z ${SANDBOX_DIR:-} ]] || {
        sandbox_use "$SANDBOX_DIR" && reset_counts
    }
}

# Fails the test when a daemon did not end well or something was left behind.
test_teardown() {
    local failed=0
    cd "$TEST_DIR" || failed=1 # a test may end below its mount
    [[ -z ${SANDBOX_DIR:-} ]] || sandbox_calm || failed=1
    stop_mounts_of "$TEST_DIR" || failed=1
    stop_sandboxes_of "$TEST_DIR" || failed=1
    remove_left_over "$TEST_DIR" || failed=1
    cd "$SUITE_DIR" && rm -rf --one-file-system "$TEST_DIR"
    return $failed
}

setup_file() { suite_setup; }
setup() { test_setup; }
teardown() { test_teardown; }
teardown_file() { suite_teardown; }
