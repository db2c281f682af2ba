#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What a listing passes over is not there, whichever way one comes to it (design 2): the server has it
# for who asks by name, and in its listings a null node.

load lib/helpers

setup_file() {
    suite_setup
    # organization "twins" differs from "secrets" in nothing but that its listings pass nothing over
    jq -n '
        def registry($unlisted): {name: "wandb-registry-quiet", description: "hush", $unlisted,
            collections: [{name: "c", versions: [{files: {"a.txt": "a\n"}}]}]};
        def beside($unlisted): {name: "wandb-registry-model", description: "shown",
            collections: [{name: "plain", versions: [{aliases: ["good"], files: {"a.txt": "a\n"}}, {files: {"b.txt": "b\n"}}]},
                {name: "quiet", description: "hush", $unlisted, versions: [{aliases: ["good"], files: {"a.txt": "a\n"}}]}]};
        {users: [{username: "ada", key: ("k" * 40), organizations: {secrets: "admin", twins: "admin"}}],
         organizations: [
            {name: "secrets", entity: "secrets-entity", registries: [registry(true), beside(true)]},
            {name: "twins", entity: "twins-entity", registries: [registry(false), beside(false)]}]}' \
        >"$SUITE_DIR/seed.json"
    sandbox_start "$SUITE_DIR/seed.json"
}

setup() {
    test_setup
    control POST /schema '{"remove": []}' >/dev/null
}

# hidden PATH LISTED…: it is not there: asked for alone, after the listings of these, in between.
hidden() {
    local path=$1 listed
    shift
    mount_start --ttl 600
    fails_with 'No such file' cat "$MNT/$path"
    mount_stop
    mount_start --ttl 600
    for listed; do
        ls -l "$MNT/$listed" >/dev/null
    done
    fails_with 'No such file' cat "$MNT/$path"
    mount_stop
    mount_start --ttl 0
    fails_with 'No such file' cat "$MNT/$path"
    ls "$MNT/$1" >/dev/null
    fails_with 'No such file' cat "$MNT/$path"
    mount_stop
}

# shown PATH LISTED…: it is there in the same ways.
shown() {
    local path=$1 listed
    shift
    mount_start --ttl 600
    [[ $(cat "$MNT/$path") == hush ]]
    for listed; do
        ls -l "$MNT/$listed" >/dev/null
    done
    [[ $(cat "$MNT/$path") == hush ]]
    mount_stop
}

@test "a registry that the listing passes over" {
    hidden secrets/quiet/description secrets
    refused 32 secrets/quiet "$MNT"
    mount_start --ttl 600
    fails_with 'No such file' ls "$MNT/secrets/quiet/collections"
    fails_with 'No such file' bash -c 'echo x >"$1"' - "$MNT/secrets/quiet/description"
    # It has the name all the same: nothing may be made in its place, nor change it.
    fails_with 'File exists' mkdir "$MNT/secrets/quiet"
    fails_with 'File exists' perl -e 'rename($ARGV[0], $ARGV[1]) or die "$!\n"' "$MNT/secrets/model" "$MNT/secrets/quiet"
    assert_equal "$(ls "$MNT/secrets")" model
}

@test "twin: a registry that is listed" {
    shown twins/quiet/description twins
    mount_start twins/quiet
    [[ $(cat "$MNT/description") == hush ]]
}

@test "a collection that the listing passes over" {
    hidden secrets/model/collections/quiet/description secrets/model/collections
    local source
    for source in secrets/model/collections/quiet secrets/wandb-registry-model/quiet:good; do
        refused 32 "$source" "$MNT"
    done
    mount_start --ttl 600
    fails_with 'No such file' ls "$MNT/secrets/model/collections/quiet/versions"
    fails_with 'No such file' cat "$MNT/secrets/model/collections/quiet/aliases/good/files/a.txt"
    [[ $(cat "$MNT/secrets/model/collections/plain/aliases/good/files/a.txt") == a ]]
    assert_equal "$(ls "$MNT/secrets/model/collections")" plain
}

@test "twin: a collection that is listed" {
    shown twins/model/collections/quiet/description twins/model/collections
    local source
    for source in twins/model/collections/quiet/aliases/good/files twins/wandb-registry-model/quiet:good; do
        mount_start "$source"
        [[ $(cat "$MNT/a.txt") == a ]]
        mount_stop
    done
}

@test "the versions of a collection that the listing passes over" {
    local links=secrets/model/versions
    mount_start --ttl 600
    assert_equal "$(ls "$MNT/$links")" $'plain:v0\nplain:v1'
    fails_with 'No such file' stat "$MNT/$links/quiet:v0"
    [[ -z $(find "$MNT/secrets/model" -maxdepth 2 -xtype l) ]]
    mount_stop
    mount_start --ttl 600
    fails_with 'No such file' readlink -v "$MNT/$links/quiet:v0"
    [[ $(cat "$MNT/$links/plain:v1/files/b.txt") == b ]]
    mount_stop
    mount_start --ttl 0
    for _ in 1 2; do
        fails_with 'No such file' readlink -v "$MNT/$links/quiet:v0"
        assert_equal "$(ls -l "$MNT/$links" | grep -c 'plain:v')" 2
        fails_with 'No such file' readlink -v "$MNT/$links/quiet:v0"
    done
}

@test "twin: the versions of a collection that is listed" {
    mount_start --ttl 600
    [[ $(cat "$MNT/twins/model/versions/quiet:v0/files/a.txt") == a ]]
    assert_equal "$(ls "$MNT/twins/model/versions")" $'plain:v0\nplain:v1\nquiet:v0'
}

# is_listed DIRECTORY [NAME…]: these and no others, by a look at the names and at what they are.
is_listed() {
    local directory=$1
    shift
    [[ $(ls "$directory") == "$(printf '%s\n' "$@")" && $(ls -l "$directory" | grep -c ' -> ') -eq $# ]]
}

@test "collections that are passed over from now on: their versions go, and come back with them" {
    local links
    mount_start --ttl 0.2
    links=$MNT/twins/model/versions
    is_listed "$links" plain:v0 plain:v1 quiet:v0
    exec 4<"$links"
    readlink "$links/quiet:v0"
    fault null_at path '["organization", "orgEntity", "artifactCollections", "edges", "*", "node"]'
    eventually 60 is_listed "$links"
    fails_with 'No such file' readlink -v "$links/quiet:v0"
    control DELETE /faults
    eventually 60 is_listed "$links" plain:v0 plain:v1 quiet:v0
    [[ $(cat "$links/quiet:v0/files/a.txt") == a ]]
    exec 4<&-
}

@test "the versions of a registry with many collections" {
    sandbox_start large --param registries=1 --param collections=450 --param versions=1
    mount_start
    reset_counts
    [[ $(ls "$MNT/large/r0/versions" | wc -l) -eq 450 ]]
    assert_requests_at_most $((5 + 5 + 4))
}

# Beside the collections, some of whose versions come in the same answer, an older server has none.
@test "a server that does not know a collection's versions" {
    control POST /schema '{"remove": ["ArtifactCollection.artifactMemberships"]}' >/dev/null
    hidden secrets/model/collections/quiet/description secrets/model/collections
    shown twins/model/collections/quiet/description twins/model/collections
}
