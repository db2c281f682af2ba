#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The files of versions, read in place (design 2 and 6, protocol 8): bytes, looks, costs.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

# Whatever a test did, no storage request carried credentials.
teardown() {
    local authorized=0
    authorized=$(control GET /counts | jq .storage.authorized) || true
    test_teardown && [[ $authorized == 0 ]]
}

FILES=acme/model/collections/churn/aliases/production/files

storage_count() {
    control GET /counts | jq ".storage.$1"
}

# What the server says of a file of churn:v0.
server_file() {
    control GET /state | jq -r --arg path "$1" --arg member "$2" '.organizations[]
        | select(.name == "acme").registries[] | select(.name == "wandb-registry-model").collections[]
        | select(.name == "churn").versions[] | select(.version == "v0").files[]
        | select(.path == $path)[$member]'
}

sha256() {
    sha256sum "$1" | cut -d ' ' -f 1
}

@test "every file of the sample has the server's bytes" {
    mount_start
    run -0 python3 "$ROOT/tests/lib/check_files.py" --every-way "$CONTROL_URL" "$MNT" acme 'Globex Research'
}

@test "every file of the hostile seed has the server's bytes, or an error" {
    sandbox_start hostile
    mount_start
    run -0 python3 "$ROOT/tests/lib/check_files.py" --every-way "$CONTROL_URL" "$MNT" hostile
    run -0 grep -c 'a file whose path is not clean is left out' "$MNT/.registryfs/errors"
    run -0 grep -c 'a file where a folder must be is left out' "$MNT/.registryfs/errors"
    run -0 grep -c 'does not have the digest' "$MNT/.registryfs/errors"
}

@test "the first cat of a model: 5 requests and 1 range; the second: none" {
    mount_start --ttl 600
    reset_counts
    cat "$MNT/$FILES/model.pt" >"$TEST_DIR/first"
    assert_requests_at_most 5
    [[ $(storage_count gets) == 1 ]]
    [[ $(sha256 "$TEST_DIR/first") == "$(server_file model.pt sha256)" ]]
    reset_counts
    cat "$MNT/$FILES/model.pt" >"$TEST_DIR/second"
    assert_requests 0
    [[ $(storage_count gets) == 0 ]]
    cmp "$TEST_DIR/first" "$TEST_DIR/second"
}

@test "sizes, modes and times are true before anything is opened" {
    mount_start
    reset_counts
    run -0 stat -c '%s %A %U' "$MNT/$FILES/model.pt"
    [[ $output == "$(server_file model.pt size) -r--r--r-- $(id -un)" ]]
    run -0 stat -c '%A' "$MNT/$FILES/tokenizer"
    [[ $output == dr-xr-xr-x ]]
    run -0 stat -Lc '%Y' "$MNT/acme/model/collections/churn/aliases/production" "$MNT/$FILES/tokenizer"
    [[ ${lines[0]} == "${lines[1]}" ]]
    [[ $(storage_count gets) == 0 ]]
}

@test "odd ways to read: dd, tail, head, cp, mmap" {
    mount_start
    local hash
    hash=$(server_file model.pt sha256)
    cat "$MNT/$FILES/model.pt" >"$TEST_DIR/model"
    [[ $(sha256 "$TEST_DIR/model") == "$hash" ]]
    for block in 1000 4097 65537 1048577; do
        run -0 dd if="$MNT/$FILES/model.pt" of="$TEST_DIR/copy" bs="$block" status=none
        [[ $(sha256 "$TEST_DIR/copy") == "$hash" ]]
    done
    run -0 cmp <(tail -c 12345 "$TEST_DIR/model") <(tail -c 12345 "$MNT/$FILES/model.pt")
    run -0 cmp <(head -c 54321 "$TEST_DIR/model") <(head -c 54321 "$MNT/$FILES/model.pt")
    cp -r "$MNT/$FILES" "$TEST_DIR/copied"
    run -0 diff -r "$MNT/$FILES" "$TEST_DIR/copied"
    run -0 python3 -c 'import hashlib, mmap, sys
with open(sys.argv[1], "rb") as stream:
    mapped = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)
    print(hashlib.sha256(mapped).hexdigest())' "$MNT/$FILES/model.pt"
    [[ $output == "$hash" ]]
}

@test "odd ways to read without any cache" {
    mount_start --no-cache
    local hash
    hash=$(server_file model.pt sha256)
    for block in 4097 65537; do
        run -0 dd if="$MNT/$FILES/model.pt" of="$TEST_DIR/copy" bs="$block" iflag=direct status=none
        [[ $(sha256 "$TEST_DIR/copy") == "$hash" ]]
    done
    [[ ! -e $XDG_CACHE_HOME/registryfs ]]
}

@test "nothing in files/ can be changed" {
    mount_start
    run ! touch "$MNT/$FILES/new"
    [[ $output == *"Read-only file system"* ]]
    run ! rm -f "$MNT/$FILES/model.pt"
    [[ $output == *"Read-only file system"* ]]
    run ! mkdir "$MNT/$FILES/tokenizer/new"
    [[ $output == *"Read-only file system"* ]]
    run ! bash -c "echo x > '$MNT/$FILES/model.pt'"
    [[ $output == *"Read-only file system"* ]]
}

@test "references to other versions are followed" {
    mount_start
    local links=$MNT/acme/dataset/collections/links/versions/v0/files
    [[ $(sha256 "$links/config.json") == "$(server_file config.json sha256)" ]]
    [[ $(sha256 "$links/by-client-id.json") == "$(server_file config.json sha256)" ]]
    run -0 getfattr --absolute-names --only-values -n user.registryfs.ref "$links/config.json"
    [[ $output == wandb-artifact://* ]]
}

@test "references to anything else are shown and not fetched" {
    mount_start
    local links=$MNT/acme/dataset/collections/links/versions/v0/files
    run -0 stat -c %s "$links/s3/weights.bin"
    [[ $output == 123456789 ]]
    run -0 getfattr --absolute-names --only-values -n user.registryfs.ref "$links/s3/weights.bin"
    [[ $output == s3://acme-bucket/weights.bin ]]
    for name in s3/weights.bin web/paper.pdf web/unsized.html local/data.bin; do
        run -1 cat "$links/$name"
        [[ $output == *"Object is remote"* ]]
    done
    run -1 getfattr --absolute-names -n user.registryfs.ref "$links/README.md"
}

@test "ls -lR of a version: one request" {
    mount_start --ttl 600
    ls "$MNT/acme/model/collections/churn/versions" >/dev/null
    reset_counts
    ls -lR "$MNT/$FILES/" >/dev/null
    assert_requests_at_most 1
    reset_counts
    ls -lR "$MNT/$FILES/" >/dev/null
    assert_requests 0
}

@test "a source may end in files, or be an artifact's name" {
    mount_start "$FILES"
    [[ $(sha256 "$MNT/model.pt") == "$(server_file model.pt sha256)" ]]
    ls "$MNT/tokenizer/special"
    mount_stop
    mount_start acme/wandb-registry-model/churn:production
    [[ $(sha256 "$MNT/tokenizer/vocab.txt") == "$(server_file tokenizer/vocab.txt sha256)" ]]
    # What the alias points to later does not matter to a running job.
    set_alias acme-org-entity model churn v1 production
    touch "$MNT"
    [[ $(sha256 "$MNT/model.pt") == "$(server_file model.pt sha256)" ]]
    set_alias acme-org-entity model churn v0 production
}

@test "an account that may not read files is refused" {
    local key
    key=$(sed -n "s/.*rex.*'\([0-9a-f]\{40\}\)'.*/\1/p" "$ROOT/tests/sandbox/seeds/people.js" | head -n 1)
    [[ -n $key ]] || skip "the sandbox has no such account"
    WANDB_API_KEY=$key mount_start
    run ! cat "$MNT/$FILES/model.pt"
    [[ $output == *"Permission denied"* ]]
}

# An artifact that was made out of another one has that digest of a manifest which is not its own.
@test "a manifest that does not have its artifact's digest: it is used, and errors says so" {
    local path
    jq -n '{users: [{username: "ada", key: ("k" * 40), organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            ("other", "own") as $name | {$name, versions: [{digest: (if $name == "other" then "0123456789abcdef" * 2 else null end),
                files: [{path: "folder/a.txt", text: "a\n"}, {path: "b.bin", ref: "s3://bucket/b.bin", size: 7, digest: "x"}]}]}]}]}]}' \
        >seed.json
    sandbox_start "$TEST_DIR/seed.json"
    for path in own other; do
        mount_start
        assert_equal "$(tree_of "$MNT/o/r/collections/$path/versions/v0/files")" $'./b.bin\n./folder\n./folder/a.txt'
        [[ $(cat "$MNT/o/r/collections/$path/versions/v0/files/folder/a.txt") == a ]]
        [[ $(stat -c %s "$MNT/o/r/collections/$path/versions/v0/files/b.bin") == 7 ]]
        [[ $path == other ]] || assert_equal "$(cat "$MNT/.registryfs/errors")" ''
    done
    assert_equal "$(grep -c "$path.*the manifest does not have the artifact's digest" "$MNT/.registryfs/errors")" 1
}

@test "older servers: by artifact, then by manifest and the W&B host" {
    control POST /schema '{"remove": ["ArtifactCollectionMembership.files"]}' >/dev/null
    mount_start
    run -0 python3 "$ROOT/tests/lib/check_files.py" "$CONTROL_URL" "$MNT" acme
    mount_stop
    control POST /schema '{"remove": ["ArtifactCollectionMembership.files", "Artifact.files"]}' >/dev/null
    reset_counts
    mount_start --no-cache
    run -0 python3 "$ROOT/tests/lib/check_files.py" "$CONTROL_URL" "$MNT" 'Globex Research'
    [[ $(control GET /counts | jq .artifacts) -gt 5 ]]
    control POST /schema '{"remove": []}' >/dev/null
}
