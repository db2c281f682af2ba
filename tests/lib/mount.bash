# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Mounts: start without sleeping, stop with every check. A mount is known by its mountpoint;
# beside it stand MOUNTPOINT.pid, .status (exit status, once ended), .log and .keeper.

# mount_start [OPTION…] [SOURCE]: mounts with the environment's credentials; returns when the
# mount answers. Sets MNT, PID and LOG; on failure returns the exit status and prints the log.
mount_start() {
    MNT=$(mktemp -d "${TEST_DIR:-$SUITE_DIR}/mnt.XXXXXX")
    LOG=$MNT.log
    export MNT LOG
    mkfifo "$MNT.ready"
    (
        {
            # Before it can be ready, so that nobody looks too early.
            printf '%s\n' "$BASHPID" >"$MNT.pid"
            exec "$REGISTRYFS" --foreground --ready-fd 9 "$@" "$MNT" 9>"$MNT.ready" >"$LOG" 2>&1 </dev/null
        } &
        status=0
        wait $! || status=$?
        printf '%s\n' "$status" >"$MNT.status"
    ) 3>&- 4>&- >/dev/null 2>&1 </dev/null &
    printf '%s\n' $! >"$MNT.keeper"
    if ! IFS= read -r -t 60 _ <"$MNT.ready"; then
        cat "$LOG" >&2
        wait_for_end "$(cat "$MNT.keeper")" 10 || fail "neither mounted nor ended" || return
        return "$(cat "$MNT.status")"
    fi
    PID=$(cat "$MNT.pid")
    export PID
}

# Mounts in the background, as users do; the daemon's process id stands in $DAEMON.
daemon_start() {
    within 30000 "$REGISTRYFS" "$@" >out 2>err || fail "status $?: $(cat err)" || return
    DAEMON=$(daemons)
    [[ $DAEMON =~ ^[0-9]+$ ]] || fail "not one daemon: $DAEMON"
}

daemon_stop() {
    fusermount3 -u "$1"
    wait_for_end "$DAEMON" 10
}

is_mounted() {
    findmnt --noheadings --mountpoint "$1" >/dev/null
}

# What no daemon may ever print.
assert_calm_log() {
    local found
    found=$(grep -E 'Sanitizer|runtime error:|[Aa]ssertion|panic|double free|corrupted|stack smashing' \
        "$1") || return 0
    fail "suspicious words in the log: $found"
}

# What each thread of process $1 waits for: backtraces where gdb is installed.
where_it_hangs() {
    local thread
    for thread in /proc/"$1"/task/*; do
        printf '%s waits in %s\n' "$(cat "$thread/comm")" "$(cat "$thread/wchan")"
    done
    ! command -v gdb >/dev/null || timeout 60 gdb --batch --pid "$1" \
        --eval-command 'thread apply all backtrace 16' 2>/dev/null | grep -E '^(Thread|#)' || true
}

# mount_stop [MOUNTPOINT]: unmounts, then checks that the daemon ended by itself with status 0
# and logged nothing suspicious.
mount_stop() {
    local mnt=${1:-$MNT} failed=0 status
    if is_mounted "$mnt" && ! within 10000 fusermount3 -u "$mnt"; then
        printf 'busy: %s\n' "$mnt" >&2
        fusermount3 -u -z "$mnt" || true
        failed=1
    fi
    # Another test's private mount namespace may hold a copy of the mount until it ends.
    if ! wait_for_end "$(cat "$mnt.keeper")" 60; then
        printf 'still running 60 s after the unmount: %s\n' "$mnt" >&2
        where_it_hangs "$(cat "$mnt.pid")" >&2
        kill -KILL "$(cat "$mnt.pid")" 2>/dev/null || true
        wait_for_end "$(cat "$mnt.keeper")" 10 || true
        failed=1
    fi
    rm -f "$mnt.keeper"
    status=$(cat "$mnt.status" 2>/dev/null || printf 'unknown')
    if [[ $status != 0 ]]; then
        printf 'the daemon ended with status %s\n' "$status" >&2
        failed=1
    fi
    assert_calm_log "$mnt.log" || failed=1
    [[ $failed == 0 ]] || tail -n 40 "$mnt.log" >&2
    return $failed
}

# From here on REGISTRYFS is a copy that every user can reach: the build may lie in a folder that is closed to them.
program_for_all() {
    [[ $REGISTRYFS == "$TEST_DIR/registryfs" ]] || cp "$REGISTRYFS" "$TEST_DIR/registryfs"
    export REGISTRYFS=$TEST_DIR/registryfs
}


# Stops what is still mounted below directory $1 (the normal end of a test).
stop_mounts_of() {
    local keeper failed=0
    for keeper in "$1"/mnt.*.keeper; do
        [[ -e $keeper ]] || continue
        mount_stop "${keeper%.keeper}" || failed=1
    done
    return $failed
}

# A mount that failed to start left nothing: neither mount nor process.
assert_nothing_mounted() {
    local mounted
    mounted=$(mounts_below "${TEST_DIR:-$SUITE_DIR}")
    [[ -z $mounted ]] || fail "mounted: $mounted"
}

# The value of KEY in .registryfs/status.
status_value() {
    sed -n "s/^$1: //p" "$MNT/.registryfs/status"
}

# No place that others can read holds the key: argv, mount table, log, status, errors, xattrs.
assert_no_key_leak() {
    local key=${1:-$WANDB_API_KEY} place
    local encoded
    encoded=$(printf 'api:%s' "$key" | base64 -w 0)
    for place in "/proc/$PID/cmdline" /proc/mounts "/proc/$PID/mountinfo" "/proc/$PID/comm" "$LOG" \
        "$MNT/.registryfs/status" "$MNT/.registryfs/errors"; do
        [[ -r $place ]] || fail "cannot look into $place" || return
        if grep -aqF -e "$key" -e "$encoded" "$place"; then
            fail "the key stands in $place"
            return
        fi
    done
}
