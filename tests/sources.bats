#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# SOURCE in every spelling (design 1, protocol 5.10 and 6).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
    mount_start
    VERSION=$MNT/acme/model/collections/churn/versions/v0
    COMMIT=$(cat "$VERSION/commit_hash") DIGEST=$(cat "$VERSION/digest")
    (cd "$VERSION/files" && find . -type f -printf '%P %s\n' | sort) >"$SUITE_DIR/v0"
    (cd "$MNT/acme/model/collections/churn/aliases/latest/files/" && find . -type f -printf '%P %s\n' | sort) \
        >"$SUITE_DIR/latest"
    export COMMIT DIGEST
    mount_stop
    cd "$SUITE_DIR" || return
}

# shows EXPECTED SOURCE: the root of the mount is the files of that version.
shows() {
    mount_start "$2" || return
    (cd "$MNT" && find . -type f -printf '%P %s\n' | sort) >found
    mount_stop || return
    [[ -s found ]] || fail "$2: no files" || return
    assert_same_text "$SUITE_DIR/$1" found
}

@test "an organization by its display name or its entity, a version by all that means it" {
    local organization reference
    for organization in acme acme-org-entity; do
        shows v0 "$organization/wandb-registry-model/churn:v0"
    done
    [[ -n $COMMIT && -n $DIGEST ]]
    for reference in "$COMMIT" "$DIGEST"; do
        shows v0 "acme/wandb-registry-model/churn:$reference"
    done
    shows latest acme/wandb-registry-model/churn
    shows latest acme/wandb-registry-model/churn:latest
}

@test "no organization: the only one, or that of the environment or the settings" {
    WANDB_API_KEY=b0b0000000000000000000000000000000000b0b shows v0 wandb-registry-model/churn:v0
    mkdir -p mountpoint
    refused 32 wandb-registry-model/churn:v0 mountpoint
    [[ $stderr == *acme* && $stderr == *"Globex Research"* && $stderr == *WANDB_ORGANIZATION* ]]
    WANDB_ORGANIZATION=acme shows v0 wandb-registry-model/churn:v0
    WANDB_ORGANIZATION=acme-org-entity shows latest wandb-registry-model/churn
    printf '[default]\norganization = acme\n' >settings
    WANDB_CONFIG_DIR=$PWD shows v0 wandb-registry-model/churn:v0
    WANDB_ORGANIZATION=nobody refused 32 wandb-registry-model/churn:v0 mountpoint
    [[ $stderr == *nobody*WANDB_ORGANIZATION*acme* ]]
    # One that is named has the last word.
    WANDB_ORGANIZATION=nobody shows v0 acme/wandb-registry-model/churn:v0
}

@test "addresses: wandb-artifact, the server's, the web page's" {
    shows v0 wandb-artifact:///acme/wandb-registry-model/churn:v0
    shows v0 wandb-artifact://acme-org-entity/wandb-registry-model/churn:v0
    shows v0 "$WANDB_BASE_URL/acme-org-entity/wandb-registry-model/churn:v0"
    shows v0 "$WANDB_BASE_URL/orgs/acme/registry/model?selectionPath=acme-org-entity%2Fwandb-registry-model%2Fchurn&view=membership&version=v0"
    shows latest "$WANDB_BASE_URL/orgs/acme/registry/model?selectionPath=acme-org-entity/wandb-registry-model/churn"
    mount_start "$WANDB_BASE_URL/orgs/acme/registry/model"
    [[ -f $MNT/full_name ]]
    mount_stop
    mkdir -p mountpoint
    refused 32 wandb-artifact://_id/QXJ0aWZhY3Q6MQ== mountpoint
    refused 32 "$WANDB_BASE_URL/nonsense" mountpoint
}

@test "a wrong organization: those that the key can see are named" {
    local source
    mkdir -p mountpoint
    for source in nobody nobody/model nobody/wandb-registry-model/churn:v0 acme-org-entity/model; do
        refused 32 "$source" mountpoint
        [[ $stderr == *acme*"Globex Research"* ]] || fail "$source: $stderr"
    done
    refused 32 acme/nothing mountpoint
    [[ $stderr != *Globex* ]]
}

@test "a path of the tree has precedence" {
    upsert_registry acme-org-entity wandb-registry-model
    # A registry "wandb-registry-model" has a directory of that name.
    mount_start acme/wandb-registry-model/collections
    mount_stop
    mount_start acme/wandb-registry-model
    grep -q '^wandb-registry-wandb-registry-model$' "$MNT/full_name"
}
