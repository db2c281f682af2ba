# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# What the editing suites share: the truth on the server, and what it was sent. A suite loads this
# after lib/helpers. All tests work in acme (entity acme-org-entity) of the sample seed.

ENTITY=acme-org-entity

# The project of registry $1 as the server has it, JSON; empty when there is none.
on_server() {
    control GET /state |
        jq -c --arg name "wandb-registry-$1" \
            '.organizations[] | select(.name == "acme").registries[] | select(.name == $name)'
}

# One member of it: server_has REGISTRY MEMBER.
server_value() {
    on_server "$1" | jq -r ".$2"
}

# The description alone, byte for byte, with the newline that its file ends in.
server_description() {
    on_server "$1" | jq -j '.description // ""'
    [[ -z $(server_value "$1" description) ]] || printf '\n'
}

# How many mutations were sent, of whatever kind.
mutations() {
    control GET /counts |
        jq '[.operations | .UpsertRegistry, .RenameRegistry, .DeleteRegistry | . // 0] | add'
}

assert_mutations() {
    local sent
    sent=$(mutations)
    [[ $sent -eq $1 ]] || fail "$1 mutations expected, $sent sent: $(control GET /counts | jq -c .operations)"
}

# What the last upsert carried, JSON.
last_upsert() {
    control GET '/requests?last=20&target=graphql' |
        jq -c '[.[] | select(.operation == "UpsertRegistry")] | last.variables.input'
}

# The names of registry $1's directory, of a registry in which nobody has ever edited.
PLAIN_NAMES='allow_all_artifact_types artifact_types collections created_at description entity full_name id members name organization updated_at url versions visibility'

assert_no_leftover() {
    # shellcheck disable=SC2012
    assert_equal "$(ls -A "$MNT/acme/$1" | tr '\n' ' ')" "$PLAIN_NAMES "
}

unsaved() {
    cat "$MNT/.registryfs/unsaved/acme/$1"
}

# A text of about 10 KB in many lines, with characters of two, three and four bytes.
long_text() {
    local line
    for line in {1..160}; do
        printf 'Line %d: Größe, 日本語, \U1F600, "quotes" and a tab\there; some more words.\n' "$line"
    done
}

# answer_with STATUS [SENTENCE]: the server refuses every upsert in words.
refuse_upserts() {
    control POST /faults "$(jq -nc --argjson status "$1" --arg text "${2:-permission denied}" \
        '{kind: "errors", operation: "UpsertRegistry", times: -1, status: $status, data: "null",
          errors: [{message: $text, path: ["upsertModel"]}]}')" >/dev/null
}
