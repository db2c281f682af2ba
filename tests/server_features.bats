#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What a server says, or does not say, of its features (protocol 5.6), and ways to files that it refuses.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

FILES=acme/model/collections/churn/aliases/production/files
RETIRED='["ARTIFACT_TAGS", "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP", "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER", "CLIENT_IDS"]'

# features VALUE: what the server says of those that newer clients no longer read.
features() {
    control POST /features "$(jq -nc --argjson names "$RETIRED" --argjson value "$1" '[$names[] | {(.): $value}] | add')" >/dev/null
}

look() {
    cat "$MNT/acme/model/collections/churn/versions/v0/tags" >tags.txt
    cat "$MNT/$FILES/config.json" >config.txt
    find "$MNT/$FILES/" -type f -printf '%P %s\n' | sort >files.txt
}

@test "features that are no longer reported are there; those that are off are not asked for" {
    mount_start --no-cache
    look
    mkdir before
    mv ./*.txt before
    [[ -s before/tags.txt && -s before/config.txt ]]
    mount_stop
    local value file
    for value in null true; do
        features $value
        mount_start --no-cache
        reset_counts
        look
        for file in *.txt; do cmp "before/$file" "$file"; done
        [[ $(operation_count ArtifactMembershipByAlias) == 0 ]]
        mount_stop
    done
    features false
    mount_start --no-cache
    reset_counts
    look
    [[ ! -s tags.txt ]]
    cmp before/files.txt files.txt
    [[ $(operation_count ArtifactMembershipFiles) == 0 && $(operation_count ArtifactMembershipByName) == 0 ]]
    mount_stop
    features true
}

@test "what turns out not to be known is asked for in the older way, and once" {
    features null
    control POST /schema '{"remove": ["Project.artifactCollectionMembership", "ArtifactCollectionMembership.files",
        "Artifact.tags"]}' >/dev/null
    mount_start --no-cache --ttl 0
    look
    [[ ! -s tags.txt && -s config.txt ]]
    [[ $(cat "$MNT/acme/model/collections/churn/aliases/latest/digest") =~ ^[0-9a-f]{32}$ ]]
    local unknown='(.operations.ArtifactMembershipByName // 0) + (.operations.ArtifactMembershipWithFiles // 0)
        + (.operations.ArtifactMembershipFiles // 0) + (.operations.ArtifactMembershipFile // 0)'
    reset_counts
    look
    assert_equal "$(control GET /counts | jq "$unknown")" 0
    mount_stop
    control POST /schema '{"remove": []}' >/dev/null
    features true
}

@test "a membership's files that are forbidden are asked for by the artifact" {
    mount_start --no-cache
    look
    mv files.txt expected.txt
    mount_stop
    local operation
    for operation in ArtifactMembershipFile ArtifactMembershipFiles ArtifactMembershipWithFiles; do
        control POST /faults "{\"operation\": \"$operation\", \"kind\": \"errors\", \"status\": 403, \"times\": -1,
            \"errors\": [{\"message\": \"permission denied\"}], \"data\": \"null\"}" >/dev/null
    done
    mount_start --no-cache
    look
    cmp expected.txt files.txt
    mount_stop
    # Who has neither right is told so.
    for operation in ArtifactFile ArtifactFiles; do
        control POST /faults "{\"operation\": \"$operation\", \"kind\": \"errors\", \"status\": 403, \"times\": -1,
            \"errors\": [{\"message\": \"permission denied\"}], \"data\": \"null\"}" >/dev/null
    done
    mount_start --no-cache
    run ! ls "$MNT/$FILES/"
    [[ $output == *"Permission denied"* ]]
}

@test "a save needs the feature of artifact types only when it carries some" {
    control POST /features '{"INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION": null}' >/dev/null
    mount_start
    echo "without types" >"$MNT/acme/model/description"
    [[ $(cat "$MNT/acme/model/description") == "without types" ]]
    mkdir "$MNT/acme/made-without-types"
    rmdir "$MNT/acme/made-without-types"
    # Nothing that the server refuses is sent.
    echo false >"$MNT/acme/dataset/allow_all_artifact_types"
    run ! dd of="$MNT/acme/dataset/artifact_types" oflag=append conv=notrunc,fsync <<<added
    [[ $output == *"Operation not permitted"* ]]
    grep -q INCLUDE_ARTIFACT_TYPES "$MNT/.registryfs/errors"
    control POST /features '{"INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION": true}' >/dev/null
    echo added >>"$MNT/acme/dataset/artifact_types"
    sync "$MNT/acme/dataset/artifact_types"
    grep -qx added "$MNT/acme/dataset/artifact_types"
}
