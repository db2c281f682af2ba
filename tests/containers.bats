#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Real containers: the image that contrib/Dockerfile describes, started by runc (README, "In
# containers").

load lib/helpers
load lib/containers
load lib/answers

MODEL=acme/model/collections/churn/aliases/production

setup_file() {
    suite_setup
    OBSTACLE=$(containers_obstacle)
    export OBSTACLE
    [[ -z $OBSTACLE ]] || return 0
    if ! container_base >/dev/null; then
        OBSTACLE="debootstrap failed: $(tail -n 1 "$CONTAINER_CACHE/debootstrap.log")"
        return 0
    fi
    image_build >"$SUITE_DIR/image.log" 2>&1 || {
        tail -n 40 "$SUITE_DIR/image.log" >&2
        return 1
    }
    # Arrays cannot be exported.
    IMAGE_STACK=${IMAGE_LAYERS[*]} IMAGE_SETTINGS=$(printf '%s\n' "${IMAGE_CONFIG[@]}")
    export IMAGE_STACK IMAGE_SETTINGS
    sandbox_start sample
}

setup() {
    [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
    test_setup
    chmod 711 "$SUITE_DIR" "$TEST_DIR"
}

teardown() {
    [[ -z $OBSTACLE ]] || return 0
    local failed=0
    containers_clean || failed=1
    test_teardown || failed=1
    return $failed
}

# Waits until container $1 says that the mount at $2 is healthy.
container_ready() {
    eventually 40 container_exec "$1" registryfs --status "$2" >/dev/null 2>&1 || {
        cat "$TEST_DIR/$1/log" >&2
        return 1
    }
}

# stop_container NAME: TERM, and it ends by itself within 5 s, with status 0.
stop_container() {
    runc kill "$(container_id "$1")" TERM
    wait_for_end "$CONTAINER_KEEPER" 5 || fail "still running 5 s after SIGTERM" || return
    assert_equal "$(cat "$TEST_DIR/$1/status")" 0
}

@test "as process 1 with /dev/fuse and CAP_SYS_ADMIN; SIGTERM ends it in 5 s" {
    container_bundle one "$DEVICE_FUSE | $SYS_ADMIN" registryfs --foreground "$MODEL" /models
    container_start one
    container_ready one /models
    run -0 container_exec one cat /models/type
    assert_equal "$output" model
    run -0 container_exec one sh -c 'cat /proc/1/comm'
    assert_equal "$output" registryfs
    stop_container one
}

@test "as uid 12345 without an entry in /etc/passwd, with CAP_SYS_ADMIN granted to the container" {
    container_bundle user "$DEVICE_FUSE"' | .process.noNewPrivileges = false
        | .process.user = {uid: 12345, gid: 12345} | .process.capabilities = {bounding: ["CAP_SYS_ADMIN"]}' \
        registryfs --foreground "$MODEL" /models
    container_start user
    container_ready user /models
    run -0 container_exec user cat /models/type
    assert_equal "$output" model
    # The capability stays with the program.
    run -0 container_exec user grep -E '^CapEff:[[:space:]]*0+$' /proc/self/status
    stop_container user
}

@test "a mount of the host with allow_other, read in a container by another uid" {
    mount_start --allow_other "$MODEL"
    chmod 755 "$MNT" 2>/dev/null || true
    container_bundle reader '.process.user = {uid: 12345, gid: 12345}
        | .mounts += [{destination: "/models", type: "none", source: "'"$MNT"'", options: ["rbind", "ro"]}]' \
        cat /models/type
    run -0 container_run reader
    assert_equal "$output" model
}

# hand_over NAME: container NAME with a descriptor from the socket, in the background.
hand_over() {
    (
        status=0
        "$HAND_OVER" take "$TEST_DIR/socket" \
            runc run --preserve-fds 1 --bundle "$TEST_DIR/$1" "$(container_id "$1")" \
            >"$TEST_DIR/$1/log" 2>&1 </dev/null || status=$?
        printf '%s\n' "$status" >"$TEST_DIR/$1/status"
    ) 3>&- 4>&- &
    CONTAINER_KEEPER=$!
}

@test "without any capability or device, with a FUSE descriptor that somebody else has mounted" {
    HAND_OVER=$ROOT/contrib/kubernetes/hand-over.py
    mkdir mountpoint
    "$HAND_OVER" give "$TEST_DIR/mountpoint" "$TEST_DIR/socket" 3>&- 4>&- &
    local giver=$! name
    eventually 60 test -S socket
    # Twice: what serves the mount may be restarted.
    for name in handed again; do
        container_bundle $name '.process.user = {uid: 12345, gid: 12345}' \
            registryfs --foreground "$MODEL" /dev/fd/3
        hand_over $name
        container_ready $name /dev/fd/3
        run -0 within 30000 cat mountpoint/type
        assert_equal "$output" model
        run -0 container_exec $name grep -E '^CapEff:[[:space:]]*0+$' /proc/1/status
        stop_container $name
    done
    kill -TERM "$giver"
    wait_for_end "$giver" 10
    assert_nothing_mounted_at mountpoint
}

assert_nothing_mounted_at() {
    is_mounted "$1" || return 0
    fail "still mounted: $1"
}

@test "registryfs run: no capability, a user namespace of its own" {
    container_bundle run "$DEVICE_FUSE"' | .process.user = {uid: 12345, gid: 12345}' \
        registryfs run "$MODEL" --at /models -- sh -c 'cat /models/type; id -u; exit 9'
    run -9 container_run run
    assert_equal "$output" $'model\n12345'
}

@test "registryfs run inside of unshare -Ur" {
    container_bundle nested "$DEVICE_FUSE"' | .process.user = {uid: 12345, gid: 12345}' \
        unshare -Ur registryfs run "$MODEL" --at /models -- cat /models/type
    run -0 container_run nested
    assert_equal "$output" model
}

@test "registryfs run as process 1: SIGTERM reaches the command, orphans are collected" {
    # shellcheck disable=SC2016
    container_bundle init "$DEVICE_FUSE"' | .process.user = {uid: 12345, gid: 12345}' registryfs run "$MODEL" --at /models -- \
        sh -c 'trap "exit 0" TERM; (sleep 0.1 &); echo started >/tmp/started; while :; do sleep 0.1; done'
    container_start init
    eventually 40 container_exec init test -e /tmp/started 2>/dev/null
    # shellcheck disable=SC2016
    eventually 60 container_exec init sh -c '! grep -qs "^State:.Z" /proc/[0-9]*/status'
    stop_container init
}

@test "what is missing is named in one line: the device, the permission" {
    container_bundle bare '.process.user = {uid: 12345, gid: 12345}' registryfs run "$MODEL" -- true
    run -2 container_run bare
    [[ $output == *"--device /dev/fuse"* && $output != *$'\n'* ]]
    container_bundle handed '.' registryfs --foreground "$MODEL" /dev/fd/3
    run -32 container_run handed
    [[ $output == *"hand the descriptor over"* && $output != *$'\n'* ]]
    container_bundle root "$DEVICE_FUSE" registryfs run "$MODEL" -- true
    run -32 container_run root
    [[ $output == *CAP_SETFCAP* && $output != *$'\n'* ]] || fail "$output"
    container_bundle forbidden "$DEVICE_FUSE"' | .process.user = {uid: 12345, gid: 12345}
        | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
            syscalls: [{names: ["unshare"], action: "SCMP_ACT_ERRNO"}]}' \
        env PATH=/nowhere /usr/bin/registryfs run "$MODEL" -- true
    run -32 container_run forbidden
    [[ $output == *CAP_SYS_ADMIN* && $output != *$'\n'* ]]
}

# example FILE NAME: the container NAME of contrib/kubernetes/FILE as runc starts it: its command, user, read-only
# root and missing privileges; its volumes are directories of the test, $TEST_DIR/volumes/VOLUME.
example() {
    local words
    mkdir -p volumes/wandb
    printf '%s\n' "$WANDB_API_KEY" >volumes/wandb/api-key
    /usr/bin/python3 - "$ROOT/contrib/kubernetes/$1" "$2" "$TEST_DIR/volumes" >example.json <<'PYTHON' || return
import json, sys, yaml
for document in yaml.safe_load_all(open(sys.argv[1])):
    spec = document.get("spec", {}).get("template", document).get("spec", {})
    for one in spec.get("initContainers", []) + spec.get("containers", []):
        if one["name"] == sys.argv[2]:
            assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            print(json.dumps({
                "words": one["command"] + one["args"],
                "user": one["securityContext"]["runAsUser"],
                "read_only": one["securityContext"]["readOnlyRootFilesystem"],
                "mounts": [{"destination": at["mountPath"], "type": "none", "source": f"{sys.argv[3]}/{at['name']}",
                            "options": ["rbind", "ro" if at.get("readOnly") else "rw"]}
                           for at in one["volumeMounts"]]}))
PYTHON
    mapfile -d '' words < <(jq -j '.words[] | . + "\u0000"' example.json)
    container_bundle "$2" "$(jq -r '"(.process.user = {uid: \(.user), gid: \(.user)} | .root.readonly = \(.read_only)
        | .process.env |= map(select(startswith(\"WANDB_API_KEY=\") | not)) | .mounts += \(.mounts))"' example.json)" "${words[@]}"
}

@test "no device, no capability, another uid: an init container gets a version (init.yaml)" {
    local i
    example init.yaml registryfs
    mkdir -m 777 volumes/models
    chown 1000 volumes/wandb/api-key
    for i in fresh again; do
        run -0 container_run registryfs
        [[ $output == *"acme-org-entity/wandb-registry-model/churn:v0@"* ]] || fail "$i: $output"
    done
    [[ $(stat -c %s volumes/models/churn/model.pt) -gt 2000000 && $(stat -c %u volumes/models/churn/model.pt) == 1000 ]]
    mount_start "$MODEL/files"
    diff -r --exclude .registryfs-get "$MNT" volumes/models/churn
}

@test "a node's cache is warm before a pod asks, and the container that warms it ends soon (warm.yaml)" {
    example warm.yaml warm
    mkdir -m 755 volumes/cache
    container_start warm
    eventually 60 grep -q '^acme-org-entity/wandb-registry-model/churn:v0@' warm/log
    run -0 container_exec warm registryfs warm --list
    [[ $output == *" acme-org-entity/wandb-registry-model/churn:v0@"* ]]
    reset_counts
    mount_start --cache-dir "$TEST_DIR/volumes/cache/registryfs" "$MODEL/files"
    cat "$MNT/model.pt" >/dev/null
    [[ $(control GET /counts | jq .storage.bytes) == 0 ]]
    stop_container warm
}

@test "memory limit of 64 MiB: lists 20,000 versions and reads 2 GiB without being killed" {
    local usual=$SANDBOX_DIR size=$((2 << 30))
    sandbox_start large --param registries=1 --param collections=20 --param versions=1000 \
        --param files=1 --param big_bytes=$size
    container_bundle small "$DEVICE_FUSE | $SYS_ADMIN"' | .linux.resources.memory = {limit: 67108864}' \
        registryfs --foreground /models
    container_start small
    container_ready small /models
    run -0 container_exec small sh -c 'ls /models/*/*/versions | wc -l'
    assert_equal "$output" 20000
    run -0 container_exec small sh -c 'cat /models/*/*/collections/c0/versions/v0/files/big.bin | wc -c'
    assert_equal "$output" "$size"
    run -0 container_exec small registryfs --status /models
    run -0 container_exec small cat /models/.registryfs/errors
    assert_equal "$output" ""
    stop_container small
    sandbox_stop "$SANDBOX_DIR"
    sandbox_use "$usual"
}

@test "memory limit of 64 MiB: answers made to take much memory end nobody" {
    container_bundle bombs "$DEVICE_FUSE | $SYS_ADMIN"' | .linux.resources.memory = {limit: 67108864}' \
        registryfs --foreground --no-cache /models
    container_start bombs
    container_ready bombs /models
    answer_query_bomb 60
    run -2 container_exec bombs ls /models/acme
    [[ $output == *"Input/output error"* ]]
    control DELETE /faults >/dev/null
    eventually 60 container_exec bombs ls /models/acme/model
    answer_manifest_bomb '"x": %s'
    run container_exec bombs ls /models/acme/dataset/collections/links/versions/v0/files/
    [[ $status == 0 || $output == *"Input/output error"* ]]
    control DELETE /faults >/dev/null
    eventually 60 container_exec bombs ls /models/acme/dataset/collections/links/versions/v0/files/
    run -0 container_exec bombs registryfs --status /models
    stop_container bombs
}

# What is kept of one answer may take a quarter of the limit.
@test "memory limit of 512 MiB: 200,000 references are listed, in less than 120 MiB" {
    local usual=$SANDBOX_DIR
    references_seed >seed.json
    sandbox_start "$TEST_DIR/seed.json"
    container_bundle references "$DEVICE_FUSE | $SYS_ADMIN"' | .linux.resources.memory = {limit: 536870912}' \
        registryfs --foreground --no-cache --timeout 60 /models
    container_start references
    container_ready references /models
    run -0 container_exec references sh -c 'ls -f /models/o/r/collections/c/versions/v0/files | grep -c ^part-'
    assert_equal "$output" 200000
    run -0 container_exec references awk '/^VmHWM:/ { print int($2 / 1024) }' /proc/1/status
    [[ $output -lt 120 ]] || fail "$output MiB"
    stop_container references
    sandbox_stop "$SANDBOX_DIR"
    sandbox_use "$usual"
}

@test "killed, and started again on the same shared mountpoint: works" {
    mkdir shared
    mount --bind shared shared
    mount --make-rshared shared
    local share='.mounts += [{destination: "/models", type: "none", source: "'"$TEST_DIR"'/shared",
        options: ["rbind", "rshared"]}] | .linux.rootfsPropagation = "shared"' start
    start='mkdir -p /models/acme 2>/dev/null; exec registryfs --foreground --allow_other acme /models/acme'
    container_bundle first "$DEVICE_FUSE | $SYS_ADMIN | $share" sh -c "$start"
    container_start first
    container_ready first /models/acme
    [[ -e shared/acme/model ]]
    runc kill "$(container_id first)" KILL
    wait_for_end "$CONTAINER_KEEPER" 10
    fails_with "endpoint is not connected" ls shared/acme
    container_bundle second "$DEVICE_FUSE | $SYS_ADMIN | $share" sh -c "$start"
    container_start second
    container_ready second /models/acme
    [[ -e shared/acme/model ]]
    stop_container second
    umount -R shared
}

@test "server down at the start: exit status 32 in under 25 s, one line" {
    WANDB_BASE_URL=http://127.0.0.1:1 container_bundle down "$DEVICE_FUSE | $SYS_ADMIN" \
        registryfs --foreground /models
    run -32 within 25000 container_run down
    [[ -n $output && $output != *$'\n'* ]]
}

@test "the image: not root by default, a health check that does not touch the mount" {
    grep -qxE 'USER [1-9][0-9]*:[1-9][0-9]*' <<<"$IMAGE_SETTINGS"
    grep -q '^HEALTHCHECK .*"--status"' <<<"$IMAGE_SETTINGS"
    grep -q '^ENTRYPOINT \["registryfs"\]$' <<<"$IMAGE_SETTINGS"
    [[ $IMAGE_SETTINGS != *WANDB_API_KEY* ]]
}
