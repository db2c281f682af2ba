#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A version's lineage/ (design 2, protocol 5.11, 5.12, 8.2): what it says, what it costs, what it says when the server
# fails or does not know.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start lineage
}

# Mounts with the options given; the versions of the shelf are known afterwards.
mount_shelf() {
    mount_start "$@"
    SHELF=$MNT/acme/model/collections/shelf/versions
    ls "$SHELF" >/dev/null
    reset_counts
}

# texts VERSION: what its three texts say, each line with the name of its file.
texts() {
    (cd "$SHELF/$1/lineage" && grep '' logged_by used_by linked)
}

# counts: what was asked for, as "OPERATION=TIMES … gets=TIMES".
counts() {
    control GET /counts | jq -r '([.operations | to_entries[] | "\(.key)=\(.value)"] | sort | join(" "))
        + " gets=\(.storage.gets)"'
}

# The manifest as the storage has it.
stored_manifest() {
    local url
    url=$(graphql 'query M($id: ID!) { artifact(id: $id) { currentManifest { file { directUrl } } } }' \
        "$(jq -nc --arg id "$(cat "$SHELF/$1/id")" '$ARGS.named')" |
        jq -r .data.artifact.currentManifest.file.directUrl)
    curl -sS --fail "$url"
}

@test "who logged a version, who used it, where it is linked" {
    mount_shelf --ttl 600
    assert_equal "$(texts v0)" "\
logged_by:lab/training/run0
used_by:lab/evaluation/ape
used_by:lab/serving/cat
used_by:lab/serving/zebra
linked:acme-org-entity/wandb-registry-model/shelf:v0
linked:acme-org-entity/wandb-registry-other/alpha:v0
linked:acme-org-entity/wandb-registry-other/beta:v0"
    assert_equal "$(texts v3)" "linked:acme-org-entity/wandb-registry-model/shelf:v3"
}

@test "a person, hidden runs and hidden places are left out" {
    mount_shelf --ttl 600
    assert_equal "$(texts v1)" "linked:acme-org-entity/wandb-registry-model/shelf:v1"
    assert_equal "$(texts v2)" "linked:acme-org-entity/wandb-registry-model/shelf:v2"
    assert_equal "$(stat -c %s "$SHELF/v1/lineage/logged_by" "$SHELF/v2/lineage/used_by")" $'0\n0'
}

@test "control characters are shown as in names" {
    mount_shelf --ttl 600
    assert_equal "$(texts v6)" "\
logged_by:lab/training/a%0Ab%07c
used_by:lab/serving/d%0De
used_by:lab/serving/größe 模型
linked:acme-org-entity/wandb-registry-model/shelf:v6"
}

@test "more runs than a page holds" {
    mount_shelf --ttl 600
    seq -f 'lab/sweep/run%g' 0 249 | LC_ALL=C sort >expected
    cmp expected "$SHELF/v4/lineage/used_by"
    assert_equal "$(counts)" "ArtifactLineage=3 gets=0"
}

@test "listing costs nothing: ls -lR without lineage, find with it" {
    mount_shelf --ttl 600
    cat "$SHELF/v0/files/a.txt" >/dev/null
    find "$SHELF/v0/files" >/dev/null
    reset_counts
    ls -lR --ignore=lineage "$SHELF/v0" >/dev/null
    ls -ld "$SHELF/v0/lineage" >/dev/null
    ls "$SHELF/v0/lineage" >names
    assert_equal "$(cat names)" $'MD5SUMS\nlinked\nlogged_by\nmanifest.json\nused_by'
    find "$SHELF/v0" >/dev/null
    assert_equal "$(find "$SHELF/v0/lineage" -type f | wc -l)" 5
    assert_equal "$(counts)" " gets=0"
}

@test "the three texts are one request, once in --ttl" {
    mount_shelf --ttl 600
    stat "$SHELF"/v0/lineage/{logged_by,used_by,linked} >/dev/null
    texts v0 >/dev/null
    texts v0 >/dev/null
    assert_equal "$(counts)" "ArtifactLineage=1 gets=0"
    mount_stop
    mount_shelf --ttl 0
    cat "$SHELF/v0/lineage/logged_by" "$SHELF/v0/lineage/used_by" >/dev/null
    [[ $(operation_count ArtifactLineage) -ge 2 ]]
}

@test "many readers at once are one request" {
    mount_shelf --ttl 600
    fault delay ms 300
    local readers=()
    for _ in {1..12}; do
        cat "$SHELF"/v0/lineage/{logged_by,used_by,linked} >/dev/null &
        readers+=($!)
    done
    wait "${readers[@]}"
    assert_equal "$(counts)" "ArtifactLineage=1 gets=0"
}

@test "touch asks anew" {
    mount_shelf --ttl 600
    texts v0 >/dev/null
    cat "$SHELF/v0/lineage/MD5SUMS" >/dev/null
    touch "$SHELF/v0/lineage"
    texts v0 >/dev/null
    assert_equal "$(operation_count ArtifactLineage)" 2
    graphql 'mutation L($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }' "$(jq -nc \
        --arg artifactID "$(cat "$SHELF/v3/id")" '{input: {artifactID: $artifactID, entityName: "acme-org-entity",
            projectName: "wandb-registry-other", artifactPortfolioName: "beta"}}')" >/dev/null
    texts v3 >/dev/null
    grep -q other/beta:v1 "$SHELF/v3/lineage/linked"
    touch "$SHELF/v3"
    grep -q other/beta:v1 "$SHELF/v3/lineage/linked"
}

@test "the manifest is one request and one GET, for ever" {
    mount_shelf --ttl 0.2
    local text
    stat "$SHELF"/v0/lineage/{manifest.json,MD5SUMS} >/dev/null
    for _ in 1 2 3; do
        cat "$SHELF"/v0/lineage/{manifest.json,MD5SUMS} >/dev/null
        sleep 0.2
    done
    text=$(counts)
    [[ " $text" == *" FetchArtifactManifest=1 "* && $text == *" gets=1" ]] || fail "$text"
    stored_manifest v0 >stored
    cmp stored "$SHELF/v0/lineage/manifest.json"
    jq -e '.version == 1 and (.contents | keys == ["a.txt", "b/c.txt"])' "$SHELF/v0/lineage/manifest.json"
}

@test "files are listed by a manifest that was read for lineage" {
    mount_shelf --ttl 600 --no-cache
    cat "$SHELF/v7/lineage/manifest.json" >/dev/null
    reset_counts
    ls "$SHELF/v7/files" >/dev/null
    assert_equal "$(operation_count FetchArtifactManifest)" 0
}

@test "a manifest that comes encoded is shown decoded" {
    mount_shelf --ttl 600
    stored_manifest v0 >stored
    fault gzip target '"storage"' operation '"wandb_manifest.json"'
    cmp stored "$SHELF/v0/lineage/manifest.json"
}

@test "MD5SUMS is what md5sum -c reads, and what md5sum prints" {
    mount_shelf --ttl 600
    local version
    for version in v0 v7; do
        (cd "$SHELF/$version/files" && md5sum --strict --quiet -c ../lineage/MD5SUMS)
        (cd "$SHELF/$version/files" && find . -type f -size -1k ! -name elsewhere -printf '%P\0' && find . -type f -size 1 ! -name elsewhere -printf '%P\0') |
            (cd "$SHELF/$version/files" && LC_ALL=C sort -z | xargs -0 md5sum --) | LC_ALL=C sort >printed
        LC_ALL=C sort "$SHELF/$version/lineage/MD5SUMS" >sums
        cmp printed sums
        [[ $(wc -l <sums) -ge 2 ]]
    done
    run ! grep -q elsewhere "$SHELF/v7/lineage/MD5SUMS"
    run ! grep -qE '  clash$' "$SHELF/v7/lineage/MD5SUMS"
}

@test "a file named - is a file to md5sum -c" {
    jq -nc '{organizations: [{name: "acme", entity: "e", registries: [{name: "wandb-registry-r", collections: [
        {name: "c", versions: [{files: {"-": "dash"}}]}]}]}],
        users: [{username: "ada", key: ("a" * 40), organizations: {acme: "admin"}}]}' >seed.json
    sandbox_start "$PWD/seed.json"
    mount_start
    cd "$MNT/acme/r/collections/c/versions/v0/files"
    run -0 md5sum --strict -c ../lineage/MD5SUMS </dev/null
    cd "$TEST_DIR"
}

@test "a version without a manifest has no such files, and lists them no more" {
    mount_shelf --ttl 600
    fails_with "No such file" cat "$SHELF/v5/lineage/manifest.json"
    fails_with "No such file" stat "$SHELF/v5/lineage/MD5SUMS"
    assert_equal "$(ls "$SHELF/v5/lineage")" $'linked\nlogged_by\nused_by'
    assert_equal "$(cat "$SHELF/v5/lineage/logged_by")" lab/training/run5
    assert_equal "$(operation_count FetchArtifactManifest)" 1
}

@test "sizes, times and modes are true" {
    mount_shelf --ttl 600
    local file
    for file in "$SHELF"/v[0-46]/lineage/*; do
        assert_equal "$(stat -c %s "$file")" "$(wc -c <"$file")"
        assert_equal "$(stat -c '%Y %a' "$file")" "$(stat -c %Y "$SHELF/v0") 444"
    done
    assert_equal "$(stat -c '%a %Y' "$SHELF/v0/lineage")" "555 $(stat -c %Y "$SHELF/v0")"
}

@test "cp -a, tar, rsync and grep -r get the right bytes" {
    mount_shelf --ttl 600
    cp -a "$SHELF/v0" copied
    mkdir tarred
    tar -C "$SHELF" -cf - v0 | tar -C tarred -xf -
    rsync -a "$SHELF/v0" synced
    diff -r copied tarred/v0
    diff -r copied synced/v0
    assert_equal "$(cat copied/lineage/used_by)" $'lab/evaluation/ape\nlab/serving/cat\nlab/serving/zebra'
    stored_manifest v0 >stored
    cmp stored copied/lineage/manifest.json
    (cd synced/v0/files && md5sum --quiet --strict -c ../lineage/MD5SUMS)
    assert_equal "$(operation_count ArtifactLineage)" 1
    assert_equal "$(operation_count FetchArtifactManifest)" 1
    run -0 grep -rl lab/serving/cat "$SHELF" --include=used_by
    assert_equal "$output" "$SHELF/v0/lineage/used_by"
}

@test "changes are refused: EROFS" {
    mount_shelf
    local lineage=$SHELF/v0/lineage
    fails_with "Read-only file system" sh -c 'echo x >"$1"' - "$lineage/logged_by"
    fails_with "Read-only file system" sh -c 'echo x >"$1"' - "$lineage/new"
    fails_with "Read-only file system" truncate -s 0 "$lineage/manifest.json"
    fails_with "Read-only file system" rm -f "$lineage/linked"
    fails_with "Read-only file system" mv "$lineage/linked" "$lineage/other"
    fails_with "Read-only file system" mkdir "$lineage/folder"
    fails_with "Read-only file system" ln -s x "$lineage/link"
    fails_with "Read-only file system" rmdir "$lineage"
    fails_with "No such file" cat "$lineage/new"
}

@test "a failed question is an errno, and asked again" {
    mount_shelf --ttl 600
    fault errors errors '[{"message": "out of order"}]' data '"null"' operation '"ArtifactLineage"'
    fails_with "Input/output error" cat "$SHELF/v0/lineage/logged_by"
    fails_with "Input/output error" stat "$SHELF/v0/lineage/linked"
    grep -q 'read lineage acme/model/collections/shelf/versions/v0/lineage EIO out of order' "$MNT/.registryfs/errors"
    control DELETE /faults >/dev/null
    fault status status 403 operation '"ArtifactLineage"'
    fails_with "Permission denied" cat "$SHELF/v0/lineage/logged_by"
    control DELETE /faults >/dev/null
    assert_equal "$(cat "$SHELF/v0/lineage/logged_by")" lab/training/run0
    fault bad_json target '"storage"' operation '"wandb_manifest.json"' body '"{\"version\": 1, "'
    fails_with "Input/output error" cat "$SHELF/v0/lineage/manifest.json"
    fails_with "Input/output error" stat "$SHELF/v0/lineage/MD5SUMS"
    control DELETE /faults >/dev/null
    jq -e . "$SHELF/v0/lineage/manifest.json" >/dev/null
}

@test "half an answer is none" {
    mount_shelf --ttl 600
    local path
    for path in '["artifact", "usedBy"]' '["artifact", "usedBy", "edges"]' '["artifact", "artifactMemberships"]'; do
        fault null_at path "$path" operation '"ArtifactLineage"'
        fails_with "Input/output error" cat "$SHELF/v0/lineage/used_by"
        control DELETE /faults >/dev/null
    done
    fault null_at path '["artifact"]' operation '"ArtifactLineage"' times 1
    fails_with "No such file" cat "$SHELF/v1/lineage/used_by"
    fault repeat_cursor operation '"ArtifactLineage"'
    cat "$SHELF/v0/lineage/logged_by" >/dev/null || true
    control DELETE /faults >/dev/null
    assert_equal "$(wc -l <"$SHELF/v0/lineage/used_by")" 3
}

@test "what was read stays readable while the server is away" {
    mount_shelf --ttl 1
    texts v0 >before
    cat "$SHELF/v0/lineage/manifest.json" >/dev/null
    fault drop
    sleep 1.1
    texts v0 >after
    cmp before after
    cat "$SHELF/v0/lineage/manifest.json" >/dev/null
    run ! cat "$SHELF/v1/lineage/logged_by"
}

@test "an old server: the files are absent, the others there, browsing goes on" {
    control POST /schema '{"remove": ["Artifact.createdBy"]}' >/dev/null
    mount_shelf --ttl 600
    assert_equal "$(wc -l <"$SHELF/v0/lineage/used_by")" 3
    fails_with "No such file" cat "$SHELF/v0/lineage/logged_by"
    assert_equal "$(ls "$SHELF/v0/lineage")" $'MD5SUMS\nlinked\nmanifest.json\nused_by'
    reset_counts
    fails_with "No such file" stat "$SHELF/v1/lineage/logged_by"
    assert_equal "$(counts)" " gets=0"
    assert_equal "$(cat "$SHELF/v1/lineage/linked")" acme-org-entity/wandb-registry-model/shelf:v1
    mount_stop
    control POST /schema '{"remove": ["Artifact.createdBy", "Artifact.usedBy", "Artifact.artifactMemberships"]}' >/dev/null
    mount_shelf --ttl 600
    for file in logged_by used_by linked; do
        fails_with "No such file" cat "$SHELF/v0/lineage/$file"
    done
    assert_equal "$(ls "$SHELF/v0/lineage")" $'MD5SUMS\nmanifest.json'
    cat "$SHELF/v0/lineage/manifest.json" "$SHELF/v0/description" >/dev/null
    control POST /schema '{"remove": []}' >/dev/null
}

@test "an old server that does not page: asked once more, as the official client does" {
    control POST /schema '{"remove": ["Artifact.usedBy.first", "Artifact.usedBy.after", "Artifact.artifactMemberships.after",
        "RunConnection.pageInfo"]}' >/dev/null
    mount_shelf --ttl 600
    assert_equal "$(wc -l <"$SHELF/v0/lineage/used_by")" 3
    assert_equal "$(wc -l <"$SHELF/v0/lineage/linked")" 3
    reset_counts
    assert_equal "$(cat "$SHELF/v1/lineage/linked")" acme-org-entity/wandb-registry-model/shelf:v1
    assert_equal "$(counts)" "ArtifactLineage=1 gets=0"
    control POST /schema '{"remove": []}' >/dev/null
}

@test "an open file reads one text, whatever comes meanwhile" {
    mount_shelf --ttl 0
    local text
    exec 7<"$SHELF/v2/lineage/linked"
    graphql 'mutation L($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }' "$(jq -nc \
        --arg artifactID "$(cat "$SHELF/v2/id")" '{input: {artifactID: $artifactID, entityName: "acme-org-entity",
            projectName: "wandb-registry-other", artifactPortfolioName: "alpha"}}')" >/dev/null
    assert_equal "$(wc -l <"$SHELF/v2/lineage/linked")" 2
    text=$(cat <&7)
    exec 7<&-
    assert_equal "$text" acme-org-entity/wandb-registry-model/shelf:v2
}

# mount_many N: a collection `many` of N versions; sets MANY.
mount_many() {
    sandbox_start lineage --param versions="$1"
    mount_start --ttl 600
    MANY=$MNT/acme/model/collections/many/versions
    ls "$MANY" >/dev/null
    reset_counts
}

@test "who looks at one version after another gets their lineage by pages" {
    mount_many 250
    run -0 grep -rh --include=used_by --include=logged_by lab/ "$MANY"
    seq -f 'lab/serving/user-of-%g' 0 249 >expected
    seq -f 'lab/training/many%g' 0 249 >>expected
    LC_ALL=C sort expected >sorted
    LC_ALL=C sort <<<"$output" | cmp - sorted
    [[ $(operation_count ArtifactLineage) -le 8 ]] || fail "$(counts)"
    [[ $(operation_count RegistryLineages) -le 3 ]] || fail "$(counts)"
    assert_equal "$(cat "$MANY/v17/lineage/logged_by")" lab/training/many17
}

@test "where the server gives no pages of lineage, each version is asked for" {
    mount_many 20
    fault errors errors '[{"message": "too complex"}]' data '"null"' operation '"RegistryLineages"'
    run -0 grep -rc --include=used_by lab/ "$MANY"
    assert_equal "$(grep -c ':1$' <<<"$output")" 20
    assert_equal "$(operation_count ArtifactLineage)" 20
    assert_equal "$(operation_count RegistryLineages)" 1
    control DELETE /faults >/dev/null
}
