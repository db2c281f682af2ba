#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A server that does not answer: what is known stays quick, what waits can be interrupted.
# Each test of a hung server has a twin without the fault.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start paging
}

setup() {
    test_setup
    LISTING=()
}

teardown() {
    local pid
    for pid in "${LISTING[@]}"; do
        kill -INT "$pid" 2>/dev/null || true
    done
    end_listing
    test_teardown
}

# Mounts, lists the organization with the most registries, and names 64 directories in it that
# nobody has looked into.
warm_up() {
    mount_start --ttl 600 "$@"
    ORGANIZATION=$(control GET /state | jq -r '[.organizations[] | {name, count: (.registries | length)}]
        | max_by(.count).name')
    mapfile -t UNSEEN < <(find "$MNT/$ORGANIZATION" -mindepth 1 -maxdepth 1 -type d | sort | head -n 64)
    [[ ${#UNSEEN[@]} -eq 64 ]] || fail "too few registries" || return
    cat "$MNT/$ORGANIZATION"/*/description >/dev/null
    ls "$MNT" >/dev/null
}

# 64 processes that list one each. SIGINT is not ignored, as it else is in the background.
start_listing() {
    local directory
    for directory in "${UNSEEN[@]}"; do
        env --default-signal=INT ls "$directory/collections" >>listed.txt 2>>failed.txt 3>&- &
        LISTING+=($!)
    done
}

running_count() {
    local pid count=0
    for pid in "${LISTING[@]}"; do
        ! is_running "$pid" || count=$((count + 1))
    done
    printf '%s\n' "$count"
}

# How many wait in the kernel for an answer.
count_waiting() {
    local pid files=()
    for pid in "${LISTING[@]}"; do
        files+=("/proc/$pid/stack" "/proc/$pid/wchan")
    done
    { grep -lsE '\brequest_wait_answer|^(fuse|request_wait)' "${files[@]}" || true; } |
        cut -d / -f 3 | sort -u | wc -l
}

# All do, and the server has got what it leaves open.
all_wait() {
    [[ $(count_waiting) -eq ${#LISTING[@]} && $(graphql_count) -gt 0 ]]
}

hang_the_server() {
    fault hang
    reset_counts
    start_listing
    eventually 120 all_wait
}

# quickest read|list TIMES PATH…: milliseconds of the quickest look, each path in its turn; a noisy machine slows some, a
# hang slows all. No process is started for a look: that takes longer.
quickest() {
    within 60000 python3 - "$@" <<'PYTHON'
import os, sys, time
def read(path):
    with open(path, "rb") as file:
        file.read()
def list_all(path):
    for name in os.listdir(path):
        os.lstat(os.path.join(path, name))
look, times, paths = {"read": read, "list": list_all}[sys.argv[1]], int(sys.argv[2]), sys.argv[3:]
best = float("inf")
for path in paths * times:
    start = time.monotonic()
    look(path)
    best = min(best, time.monotonic() - start)
    time.sleep(0.02)
print(int(best * 1000))
PYTHON
}

interrupt_all() {
    local pid start
    : >times.txt
    for pid in "${LISTING[@]}"; do
        start=$(now_ms)
        kill -INT "$pid"
        wait_for_end "$pid" 5 || fail "process $pid is deaf to SIGINT" || return
        printf '%s\n' "$(($(now_ms) - start))" >>times.txt
    done
    sort -n times.txt | sed -n 32p
}

end_listing() {
    local pid
    for pid in "${LISTING[@]}"; do
        wait "$pid" || true
    done
}

@test "64 listings hang: what is known is read in under 100 ms" {
    warm_up --timeout 300
    hang_the_server
    local spent
    spent=$(quickest read 15 "$MNT/$ORGANIZATION/${UNSEEN[0]##*/}/description")
    [[ $spent -lt 100 ]] || fail "cached description: $spent ms"
    spent=$(quickest list 15 "$MNT/$ORGANIZATION")
    [[ $spent -lt 1000 ]] || fail "cached listing: $spent ms"
    assert_equal "$(running_count)" 64
}

@test "64 listings hang: a name not seen before in the same directory is too" {
    warm_up --timeout 300
    hang_the_server
    local spent
    spent=$(quickest read 1 "${UNSEEN[@]/%//created_at}")
    [[ $spent -lt 100 ]] || fail "$spent ms"
    within 5000 df "$MNT"
    within 5000 cat "$MNT/.registryfs/status" >/dev/null
}

@test "64 listings hang: SIGINT ends each at once" {
    warm_up --timeout 300
    hang_the_server
    local median
    median=$(interrupt_all)
    [[ $median -lt 1000 ]] || fail "median $median ms"
    end_listing
    run ! grep -v 'Interrupted system call' failed.txt
}

@test "64 listings hang: SIGTERM to the filesystem ends it within 5 s" {
    warm_up --timeout 300
    hang_the_server
    kill -TERM "$PID"
    wait_for_end "$PID" 5
    end_listing
    mount_stop
}

@test "64 listings hang: unmounting after they are interrupted takes under 5 s" {
    warm_up --timeout 300
    hang_the_server
    interrupt_all >/dev/null
    end_listing
    within 5000 fusermount3 -u "$MNT"
    wait_for_end "$PID" 5
    mount_stop
}

@test "64 listings hang: the server comes back, all of them end" {
    warm_up --timeout 300
    hang_the_server
    control DELETE /faults
    local pid
    for pid in "${LISTING[@]}"; do
        wait_for_end "$pid" 60
    done
    eventually 40 ls "${UNSEEN[0]}/collections"
}

@test "a hung server: a listing ends with an error by its deadline" {
    warm_up --timeout 3
    fault hang
    fails_with "Connection timed out" within 20000 ls "${UNSEEN[0]}/collections"
}

@test "a server that drips or stalls in the middle of an answer does not get around the deadline" {
    warm_up --timeout 3
    fault drip bytes_per_second 10
    fails_with "Connection timed out" within 20000 ls "${UNSEEN[0]}/collections"
    control DELETE /faults
    fault stall after_bytes 20
    fails_with "Connection timed out" within 20000 ls "${UNSEEN[1]}/collections"
}

@test "twin: 64 listings of a sound server all succeed" {
    warm_up
    start_listing
    local pid
    for pid in "${LISTING[@]}"; do
        wait "$pid"
    done
    [[ ! -s failed.txt ]]
    within 5000 cat "$MNT/$ORGANIZATION/${UNSEEN[0]##*/}/description" >/dev/null
}

@test "twin: a slow server is waited for" {
    warm_up --timeout 10
    control POST /delay '{"ms": 500, "target": "graphql"}' >/dev/null
    run -0 ls "${UNSEEN[0]}/collections"
}

# A resized window, a timer or a child's end must not make an editor's open fail.
@test "a harmless signal does not end a waiting call, SIGINT afterwards does" {
    mount_start --timeout 30
    control POST /faults '{"target": "graphql", "operation": "*", "kind": "hang", "times": -1}' >/dev/null
    run -0 within 20000 python3 - "$MNT" <<'SCRIPT'
import os, signal, sys, time

signal.signal(signal.SIGWINCH, lambda *_: None)
child = os.fork()
if child == 0:
    try:
        os.listdir(sys.argv[1] + "/hidden-from-memory")
    except KeyboardInterrupt:
        os._exit(7)
    except OSError as error:
        os._exit(error.errno)
    os._exit(0)
time.sleep(0.5)
os.kill(child, signal.SIGWINCH)
time.sleep(0.5)
os.kill(child, signal.SIGINT)
sent = time.monotonic()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 7, status
assert time.monotonic() - sent < 2
SCRIPT
}

# 200 processes that look, read, forget and edit, in directories that nobody has looked into.
start_crowd() {
    local i directory
    local -a command
    for ((i = 0; i < 200; i++)); do
        directory=${UNSEEN[i % 64]}
        case $((i % 4)) in
        0) command=(find "$directory/collections" -name lineage -prune -o -print) ;;
        1) command=(bash -c "exec cat <'$directory/versions/unknown:v0/size'") ;;
        2) command=(bash -c "touch '$directory/versions' && exec ls '$directory/versions'") ;;
        3) command=(bash -c "echo $i >>'$directory/description'") ;;
        esac
        env --default-signal=INT "${command[@]}" >>listed.txt 2>>failed.txt 3>&- &
        LISTING+=($!)
    done
}

# Most of them wait at the same time; some are through with it already where the machine is slow.
most_wait() {
    [[ $(count_waiting) -ge 100 ]]
}

# Hundredths of a second that the filesystem has worked.
processor_time() {
    awk '{ print $14 + $15 }' "/proc/$PID/stat"
}

@test "200 processes on a hung server: no load, each can be interrupted, and all is well afterwards" {
    warm_up --timeout 120
    sleep 1.1 # what was read a second ago will do for an open
    fault hang
    reset_counts
    start_crowd
    eventually 120 most_wait
    local before spent pid
    before=$(processor_time)
    sleep 3
    spent=$(($(processor_time) - before))
    [[ $spent -lt 30 ]] || fail "$spent hundredths of a second in 3 s" || return
    within 5000 df "$MNT"
    for pid in "${LISTING[@]}"; do
        kill -INT "$pid" 2>/dev/null || true
    done
    for pid in "${LISTING[@]}"; do
        wait_for_end "$pid" 10 || fail "process $pid is deaf to SIGINT" || return
    done
    control DELETE /faults
    eventually 35 ls "${UNSEEN[0]}/collections"
    within 5000 fusermount3 -u "$MNT"
}

@test "twin: 200 processes on a sound server" {
    warm_up
    start_crowd
    local pid
    for pid in "${LISTING[@]}"; do
        wait_for_end "$pid" 120
    done
    assert_equal "$(grep -v 'unknown:v0' failed.txt)" ""
}
