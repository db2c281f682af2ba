#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The command: options, sources, exit codes, daemon, signals (design 1).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    mkdir mountpoint
}

# In a chroot whose root is no mount point there are none.
need_namespace() {
    unshare --mount true || skip "needs a mount namespace"
}

need_root() {
    [[ $EUID -eq 0 ]] || skip "needs root"
}

@test "the parent returns when the mount answers, and is silent" {
    daemon_start mountpoint
    [[ $(ls mountpoint) == *acme* ]]
    assert_equal "$(cat out err)" ""
    daemon_stop mountpoint
}

@test "the daemon has left its terminal, session and directory" {
    daemon_start mountpoint
    [[ $(readlink "/proc/$DAEMON/cwd") == / ]]
    assert_equal "$(ps -o sid= -p "$DAEMON" | tr -d ' ')" "$DAEMON"
    assert_equal "$(ps -o tty= -p "$DAEMON" | tr -d ' ')" "?"
    daemon_stop mountpoint
}

@test "the mount table shows the type fuse.registryfs" {
    mount_start
    assert_equal "$(findmnt --noheadings --output FSTYPE --mountpoint "$MNT")" fuse.registryfs
}

@test "mounting asks the server at most twice" {
    mount_start
    assert_requests_at_most 2
}

@test "--help and --version answer on stdout with status 0" {
    run -0 --separate-stderr "$REGISTRYFS" --help
    [[ -z $stderr ]]
    local option
    for option in foreground debug base-url ttl negative-ttl timeout cache-dir cache-size no-cache \
        rmdir uid gid umask log-level log-file ready-fd api-key-file help version; do
        [[ $output == *"--$option"* ]] || fail "--help does not name --$option"
    done
    run -0 --separate-stderr "$REGISTRYFS" --version
    [[ $output =~ [0-9]+\.[0-9]+ ]]
    run -0 "$REGISTRYFS" -h
    run -0 "$REGISTRYFS" -V
}

@test "usage errors: status 1" {
    refused 1
    refused 1 acme mountpoint more
    refused 1 --unknown mountpoint
    refused 1 -Z mountpoint
    refused 1 -o unknown mountpoint
    refused 1 -o ttl=5,unknown=1 mountpoint
    refused 1 -o api_key=123 mountpoint
}

@test "the key is no option" {
    refused 1 --api-key "$WANDB_API_KEY" mountpoint
    refused 1 -o "api_key=$WANDB_API_KEY" mountpoint
}

@test "values that make no sense: status 1" {
    refused 1 --ttl soon mountpoint
    refused 1 --ttl -1 mountpoint
    refused 1 --negative-ttl 1x mountpoint
    refused 1 --timeout '' mountpoint
    refused 1 --cache-size 10Q mountpoint
    refused 1 --rmdir sometimes mountpoint
    refused 1 --uid nobody-of-that-name mountpoint
    refused 1 --umask 999 mountpoint
    refused 1 --log-level loud mountpoint
    refused 1 --ready-fd x mountpoint
    refused 1 --base-url gopher://127.0.0.1 mountpoint
    refused 1 -o ttl mountpoint
    refused 1 --ttl
}

@test "a key file that cannot be read: status 1" {
    refused 1 --api-key-file no-such-file mountpoint
    refused 1 -o api_key_file=mountpoint mountpoint
}

@test "wrong key: status 32" {
    WANDB_API_KEY=0000000000000000000000000000000000000000 refused 32 mountpoint
    [[ $stderr == *[Kk]ey* ]]
}

@test "no key anywhere: status 32, and where one can be put" {
    unset WANDB_API_KEY
    refused 32 mountpoint
    [[ $stderr == *WANDB_API_KEY* ]]
}

@test "credentials that the server refuses in other ways: status 32" {
    local kind
    for kind in unauthorized_text unauthorized_json viewer_null; do
        fault "$kind"
        refused 32 mountpoint
        control DELETE /faults
    done
}

@test "no server, no such host: status 32" {
    WANDB_BASE_URL=http://127.0.0.1:1 refused 32 --timeout 5 mountpoint
    [[ $stderr == *127.0.0.1:1* ]]
    WANDB_BASE_URL=http://no-such-host.invalid refused 32 --timeout 5 mountpoint
    [[ $stderr == *no-such-host.invalid* ]]
}

@test "a server that is none, fails or hangs: status 32" {
    fault html
    refused 32 --timeout 3 mountpoint
    control DELETE /faults
    fault status status 500
    refused 32 --timeout 3 mountpoint
    control DELETE /faults
    fault hang
    refused 32 --timeout 3 mountpoint
}

@test "mountpoints that are none: status 32" {
    touch file
    refused 32 file
    refused 32 no-such-directory
}

@test "sources that are not there: status 32" {
    refused 32 nobody mountpoint
    refused 32 acme/nothing mountpoint
    refused 32 acme/model/collections/nothing mountpoint
    refused 32 acme/wandb-registry-model/churn:nothing mountpoint
    refused 32 acme/wandb-registry-nothing/churn:latest mountpoint
}

@test "no /dev/fuse: status 2, in one line" {
    unshare -Urm true || skip "needs user namespaces"
    cat >without-fuse <<'SCRIPT'
touch null && mount --bind /dev/null null && mount -t tmpfs none /dev
touch /dev/null && mount --bind null /dev/null
exec "$REGISTRYFS" mountpoint
SCRIPT
    run -2 --separate-stderr unshare -Urm bash without-fuse
    [[ $stderr == */dev/fuse* && $stderr != *$'\n'* ]]
}

@test "--ready-fd: a newline when the mount answers, the end of the file when it failed" {
    mkfifo ready
    within 30000 "$REGISTRYFS" --ready-fd 7 mountpoint 7>ready &
    run -0 od -An -c ready
    assert_equal "${output// /}" '\n'
    wait $!
    DAEMON=$(daemons)
    daemon_stop mountpoint
    within 30000 "$REGISTRYFS" --ready-fd 7 nobody mountpoint 7>ready 2>/dev/null &
    run -0 od -An -c ready
    assert_equal "$output" ""
    status=0
    wait $! || status=$?
    assert_equal "$status" 32
}

@test "options in all their spellings" {
    mount_start -o ttl=5,negative_ttl=1,timeout=10,no_cache,log_level=warning
    mount_stop
    mount_start -o negative-ttl=1 -o cache-size=1G,cache-dir="$PWD/cache",rmdir=never
    mount_stop
    mount_start --ttl=5 --negative-ttl 1 --cache-size 0 --log-level debug
    mount_stop
    mount_start -o uid=0,gid=0 -o umask=022
}

@test "durations, sizes, levels and names as people write them" {
    mount_start --ttl 10s --negative-ttl 500ms --timeout 5m --cache-size 50GB --log-level warn \
        --uid nobody --gid nogroup
    assert_equal "$(stat -c '%U %G' "$MNT/acme/model/name")" "nobody nogroup"
    assert_equal "$(status_value cache_limit)" $((50 << 30))
    mount_stop
    local size
    for size in 1GiB 1g 1024M 1048576K 1073741824 1073741824B; do
        mount_start --cache-size "$size"
        assert_equal "$(status_value cache_limit)" $((1 << 30))
        mount_stop
    done
    refused 1 --ttl 10y mountpoint
    [[ $stderr == *5m* ]]
    refused 1 --cache-size 10GX mountpoint
    [[ $stderr == *50GB* ]]
    refused 1 --cache-size 0x10 mountpoint
    refused 1 --uid nobody-of-that-name mountpoint
    refused 1 --log-level warnings mountpoint
    [[ $stderr == *error* && $stderr == *debug* ]]
}

@test "letters in one word" {
    mount_start -fd
    grep -q LOOKUP "$LOG" || grep -q unique "$LOG" || fail "no kernel requests in the log"
    mount_stop
    mount_start -fo ttl=5,negative_ttl=1
    mount_stop
    refused 1 -fZ mountpoint
}

@test "options that copied lines carry: accepted, or refused with the reason" {
    mount_start -o defaults,rw,nosuid,noatime,_netdev,x-systemd.automount,X-mount.mkdir,nonempty \
        -o default_permissions,allow_other,reconnect,fsname=somewhere,subtype=registryfs,nofail
    assert_equal "$(findmnt --noheadings --output SOURCE --mountpoint "$MNT")" somewhere
    [[ $(findmnt --noheadings --output OPTIONS --mountpoint "$MNT") == *noatime* ]]
    mount_stop
    mount_start -o strictatime,no_default_permissions
    mount_stop
    local option
    for option in remount kernel_cache direct_io attr_timeout=5 IdentityFile=/x max_read=4096 subtype=sshfs; do
        refused 1 -o "$option" mountpoint
        [[ $stderr == *"option ${option%%=*}: "* ]] || fail "$stderr"
    done
}

@test "-o auto_unmount: also a process that was killed leaves no mount" {
    daemon_start_watched() {
        within 30000 "$REGISTRYFS" -o auto_unmount mountpoint >out 2>err
    }
    daemon_start_watched
    [[ -d mountpoint/acme ]]
    local pids
    mapfile -t pids < <(daemons)
    [[ ${#pids[@]} -eq 2 ]]
    # The one with the device serves, the other one watches.
    local pid
    for pid in "${pids[@]}"; do
        [[ $(readlink "/proc/$pid/fd/"*) != */dev/fuse* ]] || kill -KILL "$pid"
    done
    eventually 60 eval '[[ -z $(daemons) ]]'
    assert_nothing_mounted
    # The twin: it ends with an unmount.
    daemon_start_watched
    fusermount3 -u mountpoint
    eventually 60 eval '[[ -z $(daemons) ]]'
}

@test "-o base_url wins over the environment" {
    local url=$WANDB_BASE_URL
    export WANDB_BASE_URL=http://127.0.0.1:1
    mount_start -o base_url="$url"
    [[ -d $MNT/acme ]]
}

@test "--uid, --gid and --umask change what is shown" {
    mount_start --uid 1234 --gid 4321 --umask 077
    assert_equal "$(stat -c '%u %g %a' "$MNT/acme/model/full_name")" "1234 4321 400"
    assert_equal "$(stat -c '%u %g %a' "$MNT/acme/model")" "1234 4321 700"
}

@test "-o ro: nothing is writable" {
    mount_start -o ro
    assert_equal "$(stat -c %a "$MNT/acme/model/description")" 444
    fails_with "Read-only file system" touch "$MNT/acme/model/new"
    fails_with "Read-only file system" mkdir "$MNT/acme/new"
    fails_with "Read-only file system" bash -c 'echo text >"$1"' - "$MNT/acme/model/description"
}

@test "sources: a directory of the tree becomes the root" {
    local source
    for source in acme acme/model acme/model/collections/churn \
        acme/model/collections/churn/versions/v0 acme/model/collections/churn/aliases/latest; do
        mount_start
        (cd "$MNT/$source/" && ls) >expected
        mount_stop
        mount_start "$source"
        ls "$MNT" >found
        mount_stop
        assert_same_text expected found
        [[ -s found ]]
    done
}

@test "sources: / and registryfs mean everything" {
    mount_start /
    [[ -d $MNT/acme/model ]]
    mount_stop
    mount_start registryfs
    [[ -d $MNT/acme/model ]]
}

@test "sources: an artifact's name is its files" {
    mount_start acme/wandb-registry-model/churn:latest
    mount_stop
    mount_start acme/wandb-registry-model/churn:v0
    mount_stop
    mount_start acme/model/collections/churn/aliases/latest/files
}

@test "sources: an alias is resolved once" {
    mount_start acme/model/collections/churn/aliases/latest
    local id
    id=$(cat "$MNT/id")
    mount_stop
    set_alias acme-org-entity model churn v0 latest
    mount_start acme/model/collections/churn/aliases/latest
    local moved
    moved=$(cat "$MNT/id")
    [[ $moved != "$id" ]]
    set_alias acme-org-entity model churn v2 latest
    touch "$MNT"
    assert_equal "$(cat "$MNT/id")" "$moved"
}

# mount(8) looks for its helpers in the system's directories only: one of these is replaced, in a
# mount namespace of its own.
as_installed() {
    need_root
    unshare --mount --propagation private bash -c '
        mount -t tmpfs none /usr/local/bin && ln -s "$REGISTRYFS" /usr/local/bin/registryfs &&
        eval "$1"' - "$1"
}

@test "mount -t fuse.registryfs, with the options that fstab lines have" {
    need_namespace
    as_installed 'mount -t fuse.registryfs acme "$PWD/mountpoint" \
            -o rw,nosuid,nodev,noatime,_netdev,nofail,x-systemd.automount,ttl=5,allow_other &&
        test -d mountpoint/model && umount mountpoint'
    eventually 60 eval '[[ -z $(daemons) ]]'
}

@test "mount -o remount says once that it cannot be" {
    need_namespace
    run -1 as_installed 'mount -t fuse.registryfs registryfs "$PWD/mountpoint" || exit 99
        mount -o remount,ro "$PWD/mountpoint" 2>err
        status=$?
        test -d mountpoint/acme/model && umount mountpoint || exit 98
        exit $status'
    grep -q "unmount it and mount it again" err
    assert_equal "$(grep -c remount err)" 1
    eventually 60 eval '[[ -z $(daemons) ]]'
}

@test "mount -t fuse.registryfs reports a failure as mount does" {
    need_namespace
    run -32 as_installed 'mount -t fuse.registryfs nobody "$PWD/mountpoint" -o ttl=5'
    [[ -z $(daemons) ]]
}

@test "allow_other lets others in, its absence keeps them out" {
    need_root
    chmod 711 "$SUITE_DIR" "$TEST_DIR"
    mount_start -o allow_other
    run -0 setpriv --reuid 65534 --regid 65534 --clear-groups ls "$MNT/acme"
    mount_stop
    mount_start
    fails_with "Permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups ls "$MNT/acme"
}

@test "SIGTERM and SIGINT unmount and end with status 0" {
    local signal
    for signal in TERM INT; do
        mount_start
        kill -s "$signal" "$PID"
        within 5000 wait_for_end "$PID" 5
        run ! is_mounted "$MNT"
        mount_stop
    done
}

@test "SIGTERM ends it also while the server hangs" {
    mount_start
    fault hang
    ls "$MNT/acme/model/collections" >/dev/null 2>&1 3>&- &
    eventually 60 fault_was_hit
    kill -TERM "$PID"
    within 5000 wait_for_end "$PID" 5
    mount_stop
    wait $! || true
}

fault_was_hit() {
    [[ $(control GET /faults | jq '[.. | .hits? // empty] | add') -gt 0 ]]
}

@test "SIGTERM ends it also while a file is open" {
    # The kernel never releases that file: what it holds counts as a leak.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 mount_start
    exec 8<"$MNT/acme/model/description"
    kill -TERM "$PID"
    wait_for_end "$PID" 5
    exec 8<&-
    mount_stop
}

# Sends $1 to a start that waits for the server (--foreground with $2): it ends, with nothing mounted.
interrupted_start() {
    local starter status=0
    fault hang
    "$REGISTRYFS" ${2:+"$2"} mountpoint 3>&- >/dev/null 2>err &
    starter=$!
    eventually 30 fault_was_hit
    kill -s "$1" "$starter"
    within 12000 wait_for_end "$starter" 10
    wait "$starter" || status=$?
    [[ $status -ne 0 ]] || fail "reported as mounted"
    control DELETE /faults >/dev/null
}

@test "a start that is interrupted leaves nothing: Ctrl-C, a time limit, hang-up" {
    local signal
    for signal in INT TERM HUP QUIT; do
        interrupted_start "$signal"
        assert_nothing_mounted
        [[ -z $(daemons) ]] || fail "left after $signal"
        interrupted_start "$signal" --foreground
        assert_nothing_mounted
        [[ -z $(daemons) ]] || fail "left after $signal in the foreground"
        reset_counts
    done
    # The twin: nobody interrupts it.
    daemon_start mountpoint
    [[ -d mountpoint/acme ]]
    daemon_stop mountpoint
}

@test "a start whose parent was killed ends, and leaves nothing" {
    interrupted_start KILL
    eventually 60 eval '[[ -z $(daemons) ]]'
    assert_nothing_mounted
}

@test "tries that time limits end leave one mount in the end" {
    fault delay ms 2500
    for _ in 1 2 3; do
        run -124 timeout 0.5 "$REGISTRYFS" mountpoint
        [[ -z $(daemons) ]]
    done
    control DELETE /faults >/dev/null
    daemon_start mountpoint
    assert_equal "$(grep -c " $PWD/mountpoint " /proc/mounts)" 1
    daemon_stop mountpoint
}

@test "whoever waits at --ready-fd is gone: nothing stays mounted" {
    mkfifo ready
    tail -f /dev/null - <ready 3>&- &
    local reader=$! starter status=0
    exec 9>ready
    fault delay ms 1500
    "$REGISTRYFS" --foreground --ready-fd 9 mountpoint 3>&- >/dev/null 2>&1 &
    starter=$!
    exec 9>&-
    eventually 30 fault_was_hit
    kill "$reader"
    wait "$reader" || true
    wait_for_end "$starter" 30
    wait "$starter" || status=$?
    control DELETE /faults >/dev/null
    assert_nothing_mounted
}

@test "what the caller has open is not kept: pipes end, locks are free" {
    local output
    exec 8>lock
    flock 8
    # shellcheck disable=SC2016
    output=$(within 30000 bash -c '"$REGISTRYFS" mountpoint 7>&1 6</dev/null 4>&1')
    exec 8>&-
    flock --nonblock lock true
    DAEMON=$(daemons)
    ls -l "/proc/$DAEMON/fd" >descriptors
    run ! grep -E "pipe:|/lock$" descriptors
    daemon_stop mountpoint
}

@test "a key from a descriptor: <(command)" {
    local key=$WANDB_API_KEY
    unset WANDB_API_KEY
    daemon_start --api-key-file <(printf '%s\n' "$key") mountpoint
    [[ -d mountpoint/acme ]]
    daemon_stop mountpoint
}

@test "standard input, output and error closed" {
    within 30000 "$REGISTRYFS" mountpoint <&- >&- 2>&-
    DAEMON=$(daemons)
    [[ -d mountpoint/acme ]]
    daemon_stop mountpoint
    within 30000 "$REGISTRYFS" mountpoint <&- >&-
    DAEMON=$(daemons)
    daemon_stop mountpoint
}

@test "process 1 of a container" {
    unshare -Urmpf --mount-proc true || skip "needs user namespaces"
    mkfifo ready
    unshare -Urmpf --mount-proc "$REGISTRYFS" --foreground --ready-fd 7 mountpoint 7>ready >log 2>&1 3>&- &
    local parent=$! pid
    read -r _ <ready
    pid=$(pgrep -P "$parent")
    kill -TERM "$pid"
    wait_for_end "$pid" 5
    wait "$parent"
}

@test "--log-file holds the log and is opened again on SIGHUP" {
    mount_start --log-file "$PWD/log" --log-level debug
    [[ -s log ]]
    mv log log.1
    kill -HUP "$PID"
    eventually 60 test -e log
    mount_stop
    assert_calm_log log
}

@test "two mounts of the same thing at once" {
    mount_start
    local first=$MNT
    mount_start acme
    assert_equal "$(ls "$first/acme")" "$(ls "$MNT")"
    mount_stop "$first"
    [[ -d $MNT/model ]]
}

@test "a person without a home directory and without privileges can mount, by fusermount3" {
    need_root
    need_namespace
    chmod 711 "$SUITE_DIR" "$TEST_DIR"
    chown 12345:12345 mountpoint
    [[ -u $(command -v fusermount3) ]] || skip "fusermount3 is not setuid"
    # A device that is open to everybody, as on a desktop, whatever this machine's is; fusermount3 asks
    # for the user's name.
    mknod -m 666 fuse c 10 229
    printf 'homeless:x:12345:12345::/nonexistent:/bin/sh\n' >passwd
    [[ -e /etc/mtab ]] || skip "no /etc/mtab, which fusermount3 reads (a bare system)"
    program_for_all
    # shellcheck disable=SC2016
    within 30000 env -u HOME unshare --mount bash -euc '
        mount --bind fuse /dev/fuse
        mount --bind passwd /etc/passwd
        exec setpriv --reuid 12345 --regid 12345 --clear-groups bash -euc '\''
            "$REGISTRYFS" mountpoint
            ls mountpoint/acme/model
            fusermount3 -u mountpoint'\'
    local daemon
    for daemon in $(daemons); do
        wait_for_end "$daemon" 10
    done
}
