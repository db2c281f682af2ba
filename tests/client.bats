#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The client alone, without libfuse: tests/walk.c prints all that client.h can read.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    WALK=${REGISTRYFS%/fs/*}/tests/unit/walk
}

teardown() {
    control POST /schema '{"remove": []}' >/dev/null
    control POST /seed '"sample"' >/dev/null
    test_teardown
}

# What the walk in file $1 found: versions with id, digest and aliases.
versions_of_walk() {
    awk -F= '
        /^version$/ { flush(); inside = 1; aliases = ""; next }
        /^[a-z]/ { flush(); inside = 0 }
        !inside { next }
        { value = substr($0, index($0, "=") + 1) }
        $1 == "  collection" { collection = value }
        $1 == "  registry" { registry = value }
        $1 == "  entity" { entity = value }
        $1 == "  index" { number = value }
        $1 == "  id" { id = value }
        $1 == "  digest" { digest = value }
        $1 == "  alias" { aliases = aliases " " value }
        function flush() {
            if (inside) print entity "/" registry "/" collection ":v" number, id, digest aliases
        }
        END { flush() }' "$1" | LC_ALL=C sort
}

# The same from the server's own state.
versions_of_state() {
    control GET /state | jq -r '.organizations[].registries[] | . as $r | .collections[] | . as $c |
        .versions[] | select(.state == "COMMITTED") |
        ([.aliases[] | select(test("^v[0-9]+$") | not)] | sort) as $a |
        "\($r.entity)/\($r.name)/\($c.name):\(.version) " + ([.id, .digest] + $a | join(" "))' |
        LC_ALL=C sort
}

@test "the program is linked without libfuse" {
    run -0 ldd "$WALK"
    [[ $output != *fuse* ]] || fail "$output"
    [[ $output == *libcurl* ]]
}

@test "every version is found, as the server has it" {
    run -0 --separate-stderr "$WALK"
    versions_of_walk <(printf '%s\n' "$output") >walked.txt
    versions_of_state >expected.txt
    [[ $(wc -l <expected.txt) -ge 10 ]]
    assert_same_text expected.txt walked.txt
}

@test "one registry costs five requests, however many there are" {
    run -0 "$WALK" acme/model
    assert_requests 5
}

@test "numbers as text change nothing" {
    "$WALK" >before.txt
    control POST /faults '{"target": "graphql", "kind": "int64_as_text", "times": -1}'
    "$WALK" >after.txt
    assert_same_text before.txt after.txt
}

@test "an older server is asked for less, after one refused request a document" {
    "$WALK" >before.txt
    control POST /schema '{"remove": ["Artifact.historyStep", "Artifact.ttlDurationSeconds",
        "Artifact.tags", "ServerInfo.features", "Project.artifactTypes.includeAll",
        "ArtifactCollection.updatedAt", "Entity.artifactCollections.collectionTypes"]}'
    reset_counts
    "$WALK" >after.txt
    versions_of_walk before.txt >versions-before.txt
    versions_of_walk after.txt >versions-after.txt
    assert_same_text versions-before.txt versions-after.txt
    grep -q '  history_step=-1' after.txt
    run ! grep '  history_step=99' after.txt
    [[ $(operation_count RegistryVersions) -eq $((1 + $(grep -c ^registry after.txt))) ]]
    [[ $(operation_count RegistryCollections) -eq $((1 + $(grep -c ^registry after.txt))) ]]
}

@test "a server without features can be read" {
    "$WALK" >before.txt
    control POST /features '{"absent": true}'
    "$WALK" >after.txt
    assert_same_text before.txt after.txt
    grep -q '^  tag=baseline' before.txt
    control POST /features '{"absent": false, "ARTIFACT_REGISTRY_SEARCH": false, "ARTIFACT_TAGS": false}'
    "$WALK" >after.txt
    run ! grep '^  tag=baseline' after.txt
    versions_of_walk before.txt >versions-before.txt
    versions_of_walk after.txt >versions-after.txt
    assert_same_text versions-before.txt versions-after.txt
}

@test "what no schema explains is one line and an end" {
    local kind
    for kind in html bad_json empty data_null deep_json viewer_null unauthorized_text repeat_cursor; do
        fault "$kind"
        run -1 --separate-stderr within 30000 "$WALK" acme/model
        # shellcheck disable=SC2154
        [[ $(grep -c '^walk: [^0-9]' <<<"$stderr") -eq 1 ]] || fail "$kind: $stderr"
        sandbox_calm
    done
}
