#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `resolve`: which version a SOURCE means, as a SOURCE of one request and as a file of none; rate limits
# while mounting. FLEET=100 begins as many mounts at the same time, FLEET_REQUESTS=20 is what the limit lets in.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
    PINNED=$("$REGISTRYFS" resolve acme/wandb-registry-model/churn:production)
    export PINNED
}

# Every file with its size, link, or reference, and the bytes of those that can be read.
tree_shown() {
    (cd "$MNT" && find . -printf '%P %y %s %T@\n' | sort
        getfattr -hR -d -m user.registryfs.ref . 2>/dev/null || true
        find . -type f -size -1M -exec sh -c 'cat "$1" 2>/dev/null' - {} \; | md5sum)
}

mounted_shows() {
    mount_start "$@" || return
    tree_shown >shown
    mount_stop
}

@test "resolve prints the entity, the number and the digest; that is a SOURCE" {
    [[ $PINNED =~ ^acme-org-entity/wandb-registry-model/churn:v0@[0-9a-f]{32}$ ]] || fail "$PINNED"
    local source
    for source in acme/model/collections/churn/versions/v0 acme/model/collections/churn/aliases/production/files \
        wandb-artifact:///acme/wandb-registry-model/churn:v0 "$PINNED" "acme/${PINNED#*/}"; do
        run -0 --separate-stderr "$REGISTRYFS" resolve "$source"
        [[ $output == "$PINNED" && -z $stderr ]] || fail "$source: $output $stderr"
    done
    mounted_shows acme/wandb-registry-model/churn:production
    mv shown by-alias
    mounted_shows "$PINNED"
    assert_same_text by-alias shown
    grep -q 'model.pt f' shown
}

@test "a version with its digest is mounted with one request, a file list with none" {
    mount_start "$PINNED"
    assert_requests 1
    head -c 1 "$MNT/model.pt" >/dev/null
    ls -l "$MNT"
    assert_requests 1
    grep -qx 'viewer: ada' "$MNT/.registryfs/status"
    mount_stop

    run -0 "$REGISTRYFS" resolve -o list acme/wandb-registry-model/churn:production
    [[ $output == "$PINNED" ]]
    reset_counts
    mount_start --resolved list
    ls -lR "$MNT"
    assert_requests 0
    cmp "$MNT/config.json" <(curl -sf "$(file_url config.json)")
    [[ $(graphql_count) -ge 1 ]]
    mount_stop

    reset_counts # the twin: what is resolved at the mount costs more
    mount_start acme/wandb-registry-model/churn:production
    [[ $(graphql_count) -ge 4 ]] || fail "$(control GET /counts)"
    mount_stop
}

# The signed URL of a file of the version, by another client.
file_url() {
    graphql 'query F($e: String!, $p: String!, $n: [String!]) { project(entityName: $e, name: $p) {
            artifactCollection(name: "churn") { artifactMembership(aliasName: "v0") {
            files(names: $n) { edges { node { directUrl } } } } } } }' \
        "{\"e\": \"acme-org-entity\", \"p\": \"wandb-registry-model\", \"n\": [\"$1\"]}" |
        jq -r .data.project.artifactCollection.artifactMembership.files.edges[0].node.directUrl
}

@test "the list of files shows what the server would, references too, and holds no URL of the storage" {
    "$REGISTRYFS" resolve --output list acme/wandb-registry-dataset/links:latest
    mounted_shows acme/wandb-registry-dataset/links:latest
    mv shown wanted
    grep -q 's3://' wanted
    mounted_shows --resolved list
    assert_same_text wanted shown
    run ! grep -qF -e "$STORAGE_URL" -e "$WANDB_API_KEY" list
    (umask 022 && "$REGISTRYFS" resolve -o list acme/wandb-registry-dataset/links:latest)
    [[ $(stat -c %a list) == 644 ]]
    [[ $(ls -A | grep -c list) == 1 ]]
}

@test "another digest is refused, by whatever way it is found" {
    local name=${PINNED%@*} wrong=00000000000000000000000000000000
    mkdir mountpoint
    refused 32 "$name@$wrong" mountpoint
    [[ $stderr == *"$name@$wrong"*"${PINNED#*@}"* ]]
    refused 32 "acme/${name#*/}@$wrong" mountpoint
    [[ $stderr == *"${PINNED#*@}"* ]]
    refused 32 "${name/v0/v99}@$wrong" mountpoint
    WANDB_API_KEY=0000000000000000000000000000000000000000 refused 32 "$PINNED" mountpoint
    [[ $stderr == *"cannot use $WANDB_BASE_URL"* ]]
}

@test "an older server is asked step by step" {
    control POST /schema '{"remove": ["Project.artifactCollectionMembership"]}'
    mounted_shows "$PINNED"
    grep -q 'model.pt f' shown
    control POST /schema '{"remove": ["ServerInfo.features"]}'
    reset_counts
    mounted_shows "$PINNED"
    grep -q 'model.pt f' shown
    control POST /schema '{"remove": []}'
}

@test "what is no version, no file list or no use is refused, and nothing is left behind" {
    mkdir mountpoint
    refused 32 resolve acme/model
    [[ $stderr == *"names no version"* ]]
    refused 32 resolve acme/wandb-registry-model/churn:nothing
    refused 1 resolve
    refused 1 resolve "$PINNED" more
    refused 1 resolve --ttl 5 "$PINNED"
    [[ $stderr == *"option ttl goes with"* ]]
    refused 1 --output list mountpoint
    refused 2 resolve -o nowhere/in/list "$PINNED"
    [[ ! -e nowhere ]]

    "$REGISTRYFS" resolve -o list "$PINNED"
    refused 1 --resolved list "$PINNED" mountpoint
    refused 32 --resolved absent mountpoint
    [[ $stderr == *absent* ]]
    local change
    for change in '.base_url = "https://api.wandb.ai"' '.files[0].path = "../up"' '.files[0].md5 = "x"' \
        'del(.digest)' '.version = -1' '.files = {}' '.registryfs_resolved = 2' '.registry = "model"'; do
        jq "$change" list >changed
        refused 32 --resolved changed mountpoint
        [[ $stderr == *changed:* ]] || fail "$change: $stderr"
    done
    head -c 100 list >changed
    refused 32 --resolved changed mountpoint
}

@test "fstab's placeholder goes with a file list" {
    "$REGISTRYFS" resolve -o list "$PINNED"
    mkdir mountpoint
    daemon_start registryfs mountpoint -o "ro,resolved=$PWD/list"
    [[ -f mountpoint/model.pt ]]
    daemon_stop mountpoint
}

# Mounts that begin at the same time, at fleet.N; each is that of a daemon of its own.
fleet_start() {
    local i
    for ((i = 0; i < $1; i++)); do
        mkdir "fleet.$i"
        "$REGISTRYFS" "${@:2}" "fleet.$i" >"out.$i" 2>&1 &
        starts[i]=$!
    done
    for ((i = 0; i < $1; i++)); do
        wait "${starts[i]}" || fail "mount $i: status $?: $(cat "out.$i")" || return
    done
}

fleet_stop() {
    local i
    for ((i = 0; i < $1; i++)); do
        fusermount3 -u "fleet.$i" || return
    done
    eventually 60 test -z "$(daemons)"
}

@test "many that mount at the same time wait until the rate limit lets them in" {
    local fleet=${FLEET:-8} starts=()
    fault limit requests "${FLEET_REQUESTS:-5}" ms 2000
    fleet_start "$fleet" acme/wandb-registry-model/churn:production
    [[ $(control GET /faults | jq '.[0].hits') -gt 0 ]] || fail "nobody was refused"
    control DELETE /faults
    [[ $(cat fleet.*/model.pt | wc -c) == $((fleet * $(stat -c %s fleet.0/model.pt))) ]]
    fleet_stop "$fleet"
}

@test "as many with the digest cost one request each" {
    local fleet=${FLEET:-8} starts=()
    fleet_start "$fleet" "$PINNED"
    assert_requests "$fleet"
    fleet_stop "$fleet"
}

@test "a rate limit that stays ends the start after --mount-timeout, and is no wait for who is mounted" {
    mkdir mountpoint
    fault limit requests 0 ms 1000
    refused 32 --mount-timeout 2 "$PINNED" mountpoint
    [[ $stderr == *"rate"* ]]
    control DELETE /faults
    mount_start --timeout 1
    fault limit requests 0 ms 1000
    run -2 within 30000 ls "$MNT/acme" # what ls ends with when it cannot open what it is given
    [[ $output == *"Device or resource busy"* ]] || fail "$output"
    control DELETE /faults
    eventually 30 ls "$MNT/acme"
}
