#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# registryfs run: a mount for one command (README, "In containers").

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    export TMPDIR=$TEST_DIR
}

teardown() {
    unset TMPDIR
    test_teardown
}

# Nothing is left: no mount, no process, no directory.
assert_nothing_left() {
    assert_nothing_mounted
    [[ -z $(daemons) ]] || fail "left running: $(daemons)"
    [[ -z $(find "$TEST_DIR" -maxdepth 1 -name 'registryfs-*') ]] || fail "a directory is left"
}

@test "the command sees the mount, its output and exit status are passed on" {
    # shellcheck disable=SC2016  # the command expands it
    run -7 --separate-stderr "$REGISTRYFS" run acme/model -- sh -c 'cat "$REGISTRYFS_MOUNT/name"; exit 7'
    assert_equal "$output" model
    [[ -z $stderr ]]
    assert_nothing_left
}

@test "--at mounts at a place of the caller's, made if it is not there" {
    mkdir models
    run -0 "$REGISTRYFS" run --at models acme/model -- cat models/name
    assert_equal "$output" model
    run -0 "$REGISTRYFS" run acme/model --at new -- cat new/name
    assert_equal "$output" model
    [[ -d models && ! -e new ]]
    assert_nothing_left
}

@test "nobody else sees the mount" {
    mkdir models
    mkfifo go
    "$REGISTRYFS" run --at models -- sh -c 'ls models >seen; echo >ready; read line <go' 3>&- &
    local runner=$!
    eventually 30 test -e ready
    [[ -z $(ls models) ]]
    echo >go
    wait "$runner"
    grep -qx acme seen
    assert_nothing_left
}

@test "a signal reaches the command, its end is told as the shell tells it" {
    "$REGISTRYFS" run -- sh -c 'trap "echo caught >signal; exit 3" TERM
        echo >ready; while :; do sleep 0.05; done' 3>&- &
    local runner=$!
    eventually 30 test -e ready
    kill -TERM "$runner"
    local status=0
    wait "$runner" || status=$?
    assert_equal "$status" 3
    [[ -e signal ]]
    # shellcheck disable=SC2016
    run -137 "$REGISTRYFS" run -- sh -c 'kill -KILL $$'
    assert_nothing_left
}

@test "a command that cannot be started: 127, 126" {
    run -127 "$REGISTRYFS" run -- no-such-command
    touch plain
    run -126 "$REGISTRYFS" run -- ./plain
    assert_nothing_left
}

@test "a mount that fails: its exit status and one line; the command does not run" {
    refused 32 run acme/nothing -- touch ran
    WANDB_API_KEY=bad0000000000000000000000000000000000000 refused 32 run -- touch ran
    refused 1 run --ttl nonsense -- touch ran
    refused 1 run --
    refused 1 run one two -- touch ran
    [[ ! -e ran ]]
    assert_nothing_left
}

@test "without --, run is a source like any other" {
    refused 32 run no/such/directory
    [[ $stderr == *mountpoint* ]]
}

@test "the signal mask and the core limit of the command are the caller's" {
    # A sanitizer would set the limit itself.
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:disable_coredump=0
    ulimit -S -c 1000 2>/dev/null || ulimit -S -c 0
    local limit
    limit=$(ulimit -S -c)
    run -0 "$REGISTRYFS" run -- bash -c 'ulimit -S -c; grep SigBlk /proc/self/status'
    assert_equal "${lines[0]}" "$limit"
    [[ ${lines[1]} == *0000000000000000 ]]
}

@test "the key: the command has it, --no-key takes it away, --api-key-file adds none" {
    local key=$WANDB_API_KEY
    # shellcheck disable=SC2016
    local show='printf "<%s>\n" "$WANDB_API_KEY"'
    run -0 "$REGISTRYFS" run -- sh -c "$show"
    assert_equal "$output" "<$key>"
    run -0 "$REGISTRYFS" run --no-key acme -- sh -c "$show; ls \$REGISTRYFS_MOUNT/model/name"
    assert_equal "${lines[0]}" "<>"
    [[ ${lines[1]} == */name ]]
    printf '%s\n' "$key" >key
    run -0 env -u WANDB_API_KEY "$REGISTRYFS" run --api-key-file key -- sh -c "$show"
    assert_equal "$output" "<>"
    refused 1 --no-key acme
    assert_nothing_left
}

@test "--no-key: the key cannot be read from the processes around it either" {
    setpriv --reuid 12345 --regid 12345 --clear-groups unshare -Ur true || skip "user namespaces are forbidden here"
    chmod 711 "$SUITE_DIR"
    chmod 777 "$TEST_DIR"
    chmod a+rw /dev/fuse 2>/dev/null || true
    # shellcheck disable=SC2016
    run -0 --separate-stderr env -u XDG_CACHE_HOME setpriv --reuid 12345 --regid 12345 --clear-groups \
        "$REGISTRYFS" run --no-cache --no-key acme -- \
        sh -c 'cat /proc/$PPID/environ 2>/dev/null | tr "\0" "\n" | grep -c ^WANDB_API_KEY || true'
    assert_equal "${lines[-1]}" 0
    assert_nothing_left
}

@test "in a plain chroot, whose root is no mount" {
    [[ $EUID -eq 0 ]] || skip "needs root"
    unshare --mount true || skip "needs a mount namespace"
    mkdir -p root/{usr,proc,dev,tmp,etc,work}
    local link
    for link in bin lib lib64 sbin; do
        [[ ! -L /$link ]] || ln -s "usr/$link" "root/$link"
    done
    # shellcheck disable=SC2016
    run -0 --separate-stderr unshare --mount --propagation private bash -euc '
        mount --bind /usr root/usr && mount --rbind /proc root/proc && mount --rbind /dev root/dev
        mount --bind /etc root/etc && mount --bind "${REGISTRYFS%/*}" root/work
        exec env HOME=/tmp XDG_CACHE_HOME=/tmp/cache TMPDIR=/tmp chroot root \
            /work/registryfs run acme/model -- sh -c "cat \$REGISTRYFS_MOUNT/name"'
    assert_equal "$output" model
    [[ -z $stderr ]]
    assert_nothing_left
}

@test "in a user namespace, where nothing else is allowed" {
    unshare -Ur true || skip "user namespaces are forbidden here"
    # shellcheck disable=SC2016
    run -0 unshare -Ur "$REGISTRYFS" run acme/model -- \
        sh -c 'cat "$REGISTRYFS_MOUNT/name"; grep -c " $REGISTRYFS_MOUNT " /proc/self/mounts'
    assert_equal "${lines[0]}" model
    assert_equal "${lines[1]}" 1
    assert_nothing_left
}

@test "where namespaces are forbidden, one line names the missing permission" {
    unshare -Ur true || skip "user namespaces are forbidden here"
    # shellcheck disable=SC2016
    run -32 --separate-stderr unshare -Urm sh -c 'echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"' - \
        "$REGISTRYFS" run -- touch ran
    [[ $stderr == *user.max_user_namespaces*CAP_SYS_ADMIN* && $stderr != *$'\n'* ]]
    [[ ! -e ran ]]
    assert_nothing_left
}

fault_was_met() {
    control GET /faults | jq -e '[.. | .hits? // 0] | add > 0' >/dev/null
}

@test "Ctrl-C while the server does not answer ends it" {
    fault hang
    setsid "$REGISTRYFS" run -- touch ran 3>&- &
    local runner=$! status=0
    eventually 30 fault_was_met
    kill -INT "$runner"
    wait_for_end "$runner" 10
    wait "$runner" || status=$?
    assert_equal "$status" 130
    [[ ! -e ran ]]
    assert_nothing_left
}
