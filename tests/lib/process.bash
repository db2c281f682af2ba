# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Processes: deadlines, and what a test left behind.

now_ms() {
    printf '%s\n' "$((${EPOCHREALTIME/./} / 1000))"
}

# within MILLISECONDS COMMAND…: the command's output and exit status, or failure 124 when it is
# not done in time. Does not wait for a command that cannot be killed.
within() {
    local limit=$1 pipe pid status read_end
    shift
    pipe=$(mktemp -u "${TEST_DIR:-$SUITE_DIR}/within.XXXXXX")
    mkfifo "$pipe"
    exec {read_end}<>"$pipe"
    {
        status=0
        "$@" || status=$?
        printf '%s\n' "$status" >"$pipe"
    } {read_end}<&- 3>&- &
    pid=$!
    if IFS= read -r -t "$((limit / 1000)).$(printf '%03d' $((limit % 1000)))" -u "$read_end" status; then
        wait "$pid" || true
    else
        kill_tree "$pid"
        printf 'not done within %s ms: %s\n' "$limit" "$*" >&2
        status=124
    fi
    exec {read_end}<&-
    rm -f "$pipe"
    return "$status"
}

# Kills process $1 and its descendants.
kill_tree() {
    local child
    for child in $(pgrep -P "$1" || true); do
        kill_tree "$child"
    done
    kill -KILL "$1" 2>/dev/null || true
}

# Waits until process $1 (a child or not) has ended: 1 after $2 seconds.
wait_for_end() {
    local deadline=$(($(now_ms) + $2 * 1000))
    while is_running "$1"; do
        (($(now_ms) < deadline)) || return 1
        sleep 0.02
    done
}

# A zombie has ended: only its parent has not looked yet.
is_running() {
    local state
    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
    [[ -n $state && $state != Z ]]
}

# eventually SECONDS COMMAND…: repeats the command until it succeeds.
eventually() {
    local deadline=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        (($(now_ms) < deadline)) || fail "did not come true: $*" || return
        sleep 0.05
    done
}

# The processes that were started for directory $1 or one below it, one id a line.
processes_of() {
    env -u REGISTRYFS_TEST_OWNER grep -lzsE "^REGISTRYFS_TEST_OWNER=$1(/|\$)" /proc/[0-9]*/environ |
        cut -d / -f 3 || true
}

mounts_below() {
    awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts | tac
}

# Reports and removes mounts below directory $1 and processes that were started for it.
remove_left_over() {
    local mounted pid left=0
    # Below the root lies everybody's.
    [[ $1 == /?* ]] || fail "no directory to tidy up: '$1'" || return
    for mounted in $(mounts_below "$1"); do
        printf 'left mounted: %s\n' "$mounted" >&2
        fusermount3 -u -z "$mounted" || umount -l "$mounted"
        left=1
    done
    for pid in $(processes_of "$1"); do
        is_running "$pid" || continue
        printf 'left running: %s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
        kill -KILL "$pid" 2>/dev/null || true
        left=1
    done
    return $left
}
