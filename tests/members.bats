#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The members of a registry (design 2, protocol 5.9): members/users/ and members/teams/.

load lib/helpers

setup_file() {
    suite_setup
}

setup() {
    test_setup
    sandbox_start members
}

# Mounts with the options given.
mount_members() {
    mount_start "$@"
    MEMBERS=$MNT/acme/model/members
    ls "$MNT/acme/model" >/dev/null
    reset_counts
}

# The ids of acme/model and of a person in it, as variables.
ids() {
    graphql 'query R { project(name: "wandb-registry-model", entityName: "acme-org-entity") {
        id members { id username } } }' | jq -c --arg name "$1" '.data.project | {id, user: (.members[] |
        select(.username == $name) | .id)}'
}

# Each member with its role, a line each.
roles() {
    (cd "$MEMBERS" && grep -r '' users teams | LC_ALL=C sort)
}

SEEDED="\
teams/acme-data:auditor
teams/acme-ml:member
users/ada:admin
users/bob:member
users/masked@example.com:viewer
users/slash%2Fed:auditor
users/vera:viewer"

@test "every member is a file with the role" {
    mount_members --ttl 600
    assert_equal "$(roles)" "$SEEDED"
    assert_equal "$(graphql_count)" 1
    assert_equal "$(getfattr --absolute-names --only-values -n user.registryfs.name "$MEMBERS/users/slash%2Fed")" slash/ed
    grep -q 'list members.*model.*a person without a name' "$MNT/.registryfs/errors"
    assert_equal "$(stat -c %Y "$MEMBERS" "$MEMBERS/users" "$MEMBERS/users/bob" | sort -u)" \
        "$(stat -c %Y "$MNT/acme/model")"
}

@test "find of a registry costs one request more" {
    mount_members --ttl 600
    find "$MNT/acme/model" -path "$MEMBERS" -prune -o -ls >/dev/null
    reset_counts
    ls -l "$MNT/acme/model" >/dev/null
    assert_equal "$(graphql_count)" 0
    find "$MNT/acme/model" -ls | grep -c /members/ >count
    assert_equal "$(cat count)" 9
    assert_equal "$(graphql_count)" 1
    assert_equal "$(operation_count RegistryMembers)" 1
}

@test "read-only: modes, changes, a registry without members" {
    mount_members -o ro
    assert_equal "$(stat -c %a "$MEMBERS" "$MEMBERS/users" "$MEMBERS/teams" "$MEMBERS/users/bob" | xargs)" "555 555 555 444"
    fails_with "Read-only file system" sh -c 'echo viewer >"$1"' - "$MEMBERS/users/bob"
    fails_with "Read-only file system" sh -c 'echo viewer >"$1"' - "$MEMBERS/users/eve"
    fails_with "Read-only file system" rm "$MEMBERS/users/bob"
    assert_equal "$(find "$MNT/acme/dataset/members" -printf '%P ' )" " users teams "
}

@test "an old server: members/ is absent, browsing goes on" {
    mount_members --ttl 600
    control POST /schema '{"remove": ["Project.members", "Project.teamMembers"]}' >/dev/null
    run -0 --separate-stderr find "$MNT/acme/model" -path '*/files' -prune -o -print
    run -0 ls "$MNT/acme/model"
    [[ $output != *members* ]]
    fails_with "No such file or directory" ls "$MNT/acme/dataset/members"
}

@test "an old server that knows of no teams" {
    mount_members --ttl 600
    control POST /schema '{"remove": ["Project.teamMembers"]}' >/dev/null
    assert_equal "$(ls "$MEMBERS")" users
    assert_equal "$(cat "$MEMBERS/users/bob")" member
}

@test "what others change is seen after the time to live" {
    mount_members --ttl 1
    assert_equal "$(cat "$MEMBERS/users/bob")" member
    graphql 'mutation M($id: ID!, $user: ID!) { updateProjectMember(input: { projectId: $id, userId: $user,
        userProjectRole: "viewer" }) { success } }' "$(ids bob)" >/dev/null
    eventually 20 grep -qx viewer "$MEMBERS/users/bob"
}

@test "a failed question is an errno" {
    mount_members --ttl 600
    fault status status 500
    fails_with "Input/output error" ls "$MEMBERS"
}
