# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The sandbox server: start, stop, control port, request counts. tests/sandbox/README.md lists
# seeds, control verbs and faults.

# sandbox_start SEED [OPTION…]: a server of its own on free ports. Sets WANDB_BASE_URL,
# WANDB_API_KEY, CONTROL_URL and STORAGE_URL, and SANDBOX_DIR, the name of this server for
# sandbox_use and sandbox_stop.
sandbox_start() {
    local seed=$1 pid
    shift
    SANDBOX_DIR=$(mktemp -d "${TEST_DIR:-$SUITE_DIR}/sandbox.XXXXXX")
    export SANDBOX_DIR
    TMPDIR=$SANDBOX_DIR "$ROOT/tests/sandbox/sandbox" --seed "$seed" \
        --ready-file "$SANDBOX_DIR/ready.json" "$@" >"$SANDBOX_DIR/log" 2>&1 </dev/null 3>&- &
    pid=$!
    printf '%s\n' "$pid" >"$SANDBOX_DIR/pid"
    local deadline=$(($(now_ms) + 120000))
    until [[ -s $SANDBOX_DIR/ready.json ]]; do
        if ! is_running "$pid" || (($(now_ms) > deadline)); then
            cat "$SANDBOX_DIR/log" >&2
            fail "the sandbox does not start"
            return
        fi
        sleep 0.02
    done
    sandbox_use "$SANDBOX_DIR"
}

# Points the credentials and the control commands at the server in directory $1.
sandbox_use() {
    export SANDBOX_DIR=$1
    WANDB_BASE_URL=$(jq -r .base_url "$1/ready.json")
    WANDB_API_KEY=$(jq -r .api_key "$1/ready.json")
    CONTROL_URL=$(jq -r .control_url "$1/ready.json")
    STORAGE_URL=$(jq -r .storage_url "$1/ready.json")
    export WANDB_BASE_URL WANDB_API_KEY CONTROL_URL STORAGE_URL
}

# Ends the server (the current one); its connections are refused from then on.
sandbox_stop() {
    local pid
    pid=$(cat "${1:-$SANDBOX_DIR}/pid")
    kill -TERM "$pid" 2>/dev/null || true
    # Its large files take a busy disk a while to remove.
    if ! wait_for_end "$pid" 60; then
        kill -KILL "$pid"
        fail "the sandbox did not end on SIGTERM"
    fi
    rm -f "${1:-$SANDBOX_DIR}/pid"
}

# Stops the servers that were started below directory $1.
stop_sandboxes_of() {
    local file failed=0
    for file in "$1"/sandbox.*/pid; do
        [[ -e $file ]] || continue
        sandbox_stop "${file%/pid}" || failed=1
    done
    return $failed
}

# Starts the server again with the port that it had (after sandbox_stop).
sandbox_restart() {
    local seed=$1 port=${WANDB_BASE_URL##*:}
    shift
    sandbox_start "$seed" --port "$port" "$@"
}

# control METHOD PATH [JSON]: one request to the control port; prints the answer.
control() {
    local body=()
    [[ $# -lt 3 ]] || body=(-H 'Content-Type: application/json' --data-binary "$3")
    curl -sS --fail-with-body --max-time 60 -X "$1" "${body[@]}" "$CONTROL_URL$2"
}

# fault KIND [MEMBER VALUE]…: every GraphQL request fails this way, until the test ends or
# `control DELETE /faults`. Values are JSON.
fault() {
    local json
    json=$(jq -nc --arg kind "$1" '{target: "graphql", operation: "*", kind: $kind, times: -1}')
    shift
    while [[ $# -gt 0 ]]; do
        json=$(jq -c --arg member "$1" --argjson value "$2" '.[$member] = $value' <<<"$json")
        shift 2
    done
    control POST /faults "$json" >/dev/null
}

# No faults, so that what a test left hanging can end.
sandbox_calm() {
    [[ -e $SANDBOX_DIR/pid ]] || return 0
    control DELETE /faults >/dev/null && control POST /delay '{"ms":0,"target":"any"}' >/dev/null
}

reset_counts() {
    control POST /counts/reset >/dev/null
}

graphql_count() {
    control GET /counts | jq .graphql
}

# How often one operation was asked for.
operation_count() {
    control GET /counts | jq --arg name "$1" '.operations[$name] // 0'
}

assert_requests_at_most() {
    local counts
    counts=$(control GET /counts)
    [[ $(jq .graphql <<<"$counts") -le $1 ]] ||
        fail "at most $1 requests expected: $(jq -c '{graphql, operations}' <<<"$counts")"
}

assert_requests() {
    local counts
    counts=$(control GET /counts)
    [[ $(jq .graphql <<<"$counts") -eq $1 ]] ||
        fail "$1 requests expected: $(jq -c '{graphql, operations}' <<<"$counts")"
}

# Executes a GraphQL document as another client would: graphql DOCUMENT [VARIABLES].
graphql() {
    local answer
    answer=$(control POST /graphql "$(jq -nc --arg query "$1" --argjson variables "${2:-null}" \
        '{query: $query, variables: $variables}')")
    jq -e '.errors | not' <<<"$answer" >/dev/null || fail "refused: $answer" || return
    printf '%s\n' "$answer"
}

# The id of a version: artifact_id ENTITY REGISTRY COLLECTION ALIAS.
artifact_id() {
    graphql 'query A($entity: String!, $project: String!, $name: String!) {
            project(entityName: $entity, name: $project) {
                artifactCollectionMembership(name: $name) { artifact { id } } } }' \
        "$(jq -nc --arg entity "$1" --arg project "wandb-registry-$2" --arg name "$3:$4" '$ARGS.named')" |
        jq -er .data.project.artifactCollectionMembership.artifact.id
}

# Another client moves an alias: set_alias ENTITY REGISTRY COLLECTION VERSION ALIAS.
set_alias() {
    local id
    id=$(artifact_id "$1" "$2" "$3" "$4")
    graphql 'mutation A($input: AddAliasesInput!) { addAliases(input: $input) { success } }' \
        "$(jq -nc --arg id "$id" --arg entityName "$1" --arg projectName "wandb-registry-$2" \
            --arg artifactCollectionName "$3" --arg alias "$5" \
            '{input: {artifactID: $id, aliases: [$ARGS.named | del(.id)]}}')" >/dev/null
}

# Another client creates or changes a registry: upsert_registry ENTITY REGISTRY [MEMBER VALUE]…
# (values are JSON).
upsert_registry() {
    local input
    input=$(jq -nc --arg entityName "$1" --arg name "wandb-registry-$2" '$ARGS.named')
    shift 2
    while [[ $# -gt 0 ]]; do
        input=$(jq -c --arg member "$1" --argjson value "$2" '.[$member] = $value' <<<"$input")
        shift 2
    done
    graphql 'mutation U($input: UpsertModelInput!) { upsertModel(input: $input) { inserted } }' \
        "{\"input\": $input}" >/dev/null
}

# Another client deletes a registry: delete_registry ENTITY REGISTRY.
delete_registry() {
    local id
    id=$(graphql 'query P($entity: String!, $name: String!) {
            project(entityName: $entity, name: $name) { id } }' \
        "$(jq -nc --arg entity "$1" --arg name "wandb-registry-$2" '$ARGS.named')" |
        jq -er .data.project.id)
    graphql 'mutation D($input: DeleteModelInput!) { deleteModel(input: $input) { success } }' \
        "{\"input\": {\"id\": \"$id\"}}" >/dev/null
}
