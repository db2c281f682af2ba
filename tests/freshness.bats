#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# How old an answer may be (design 4), through the kernel's caches too.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    control POST /seed '"sample"' >/dev/null
}

describe_model() {
    upsert_registry acme-org-entity model description "$(jq -n --arg text "$1" '$text')"
}

@test "within its time to live, nothing is asked again" {
    mount_start --ttl 3600
    local before
    before=$(cat "$MNT/acme/model/description")
    describe_model "changed by somebody else"
    reset_counts
    assert_equal "$(cat "$MNT/acme/model/description")" "$before"
    assert_requests 0
}

@test "after its time to live: text, size and time are the server's" {
    mount_start --ttl 1
    cat "$MNT/acme/model/description" >/dev/null
    describe_model "short"
    sleep 1.5
    assert_equal "$(cat "$MNT/acme/model/description")" short
    assert_equal "$(stat -c %s "$MNT/acme/model/description")" 6
    describe_model "much longer than it was before, and than its size was"
    sleep 1.5
    # The size is asked first: a page that is too short for it must not be cut or padded.
    assert_equal "$(stat -c %s "$MNT/acme/model/description")" 54
    assert_equal "$(cat "$MNT/acme/model/description")" \
        "much longer than it was before, and than its size was"
    assert_equal "$(date -u -d "@$(stat -c %Y "$MNT/acme/model/description")" +%FT%T)" \
        "$(sed 's/[.Z].*//' "$MNT/acme/model/updated_at")"
}

@test "a mapped file follows as well" {
    mount_start --ttl 1
    python3 - "$MNT/acme/model/description" >mapped.txt <<'SCRIPT'
import mmap, sys
with open(sys.argv[1], "rb") as file:
    print(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:].decode(), end="")
SCRIPT
    cat "$MNT/acme/model/description" >read.txt
    assert_same_text read.txt mapped.txt
    describe_model "AAAA"
    sleep 1.5
    assert_equal "$(cat "$MNT/acme/model/description")" AAAA
    describe_model "BBBB"
    sleep 1.5
    # Same size: only the text tells.
    assert_equal "$(cat "$MNT/acme/model/description")" BBBB
}

@test "touch of a directory: the next look below it asks the server" {
    mount_start --ttl 3600
    local directory
    cat "$MNT/acme/model/description" >/dev/null
    ls "$MNT" "$MNT/acme" >/dev/null
    for directory in acme/model acme ''; do
        describe_model "after touching '$directory'"
        touch "$MNT/$directory"
        assert_equal "$(cat "$MNT/acme/model/description")" "after touching '$directory'"
    done
}

# A touch waits for the kernel to forget attributes; names wait for the lock that the next touch has.
# Milliseconds for twenty.
touch_again_and_again() {
    local start
    start=$(now_ms)
    for _ in {1..20}; do
        touch "$1"
    done
    printf '%s\n' "$(($(now_ms) - start))"
}

@test "touch of a directory with much below it, again and again: none waits for the other" {
    sandbox_start large --param registries=20 --param collections=50 --param versions=20
    mount_start --ttl 600
    find "$MNT/large" \( -name files -o -name lineage \) -prune -o -printf '%s\n' >/dev/null
    local little much
    little=$(touch_again_and_again "$MNT/large/r0/collections/c0")
    much=$(within 120000 touch_again_and_again "$MNT/large")
    [[ $much -lt $((4000 + 10 * little)) ]] || fail "$much ms, and $little ms with little below it"
}

@test "touch of a directory leaves others as they are" {
    mount_start --ttl 3600
    ls "$MNT/acme/model/collections" "$MNT/acme/dataset/collections" >/dev/null
    touch "$MNT/acme/model/collections"
    reset_counts
    ls "$MNT/acme/dataset/collections" >/dev/null
    assert_requests 0
    ls "$MNT/acme/model/collections" >/dev/null
    [[ $(graphql_count) -gt 0 ]]
}

@test "SIGHUP: everything is asked for again" {
    mount_start --ttl 3600
    cat "$MNT/acme/model/description" >/dev/null
    describe_model "after SIGHUP"
    kill -HUP "$PID"
    eventually 60 grep -q "after SIGHUP" "$MNT/acme/model/description"
}

@test "a new registry: seen after the time to live, at once after touch" {
    mount_start --ttl 1 --negative-ttl 1
    fails_with "No such file" stat "$MNT/acme/brand-new"
    upsert_registry acme-org-entity brand-new
    sleep 1.5
    run -0 stat "$MNT/acme/brand-new"
    [[ $(ls "$MNT/acme") == *brand-new* ]]
    mount_stop
    mount_start --ttl 3600 --negative-ttl 3600
    fails_with "No such file" stat "$MNT/acme/another"
    ls "$MNT/acme" >/dev/null
    upsert_registry acme-org-entity another
    touch "$MNT/acme"
    run -0 stat "$MNT/acme/another"
    [[ $(ls "$MNT/acme") == *another* ]]
}

@test "a missing collection: seen at once after touch of any directory above, or of its own" {
    local directory
    mount_start --ttl 3600 --negative-ttl 3600
    for directory in acme acme/model acme/model/collections; do
        fails_with "No such file" stat "$MNT/acme/model/collections/missing"
        reset_counts
        fails_with "No such file" stat "$MNT/acme/model/collections/missing"
        assert_requests 0
        touch "$MNT/$directory"
        eventually 60 asked_for_missing
    done
}

asked_for_missing() {
    fails_with "No such file" stat "$MNT/acme/model/collections/missing"
    [[ $(graphql_count) -gt 0 ]]
}

@test "a missing name is asked for again after --negative-ttl, long before --ttl" {
    mount_start --ttl 3600 --negative-ttl 1
    fails_with "No such file" stat "$MNT/acme/late"
    upsert_registry acme-org-entity late
    sleep 1.5
    run -0 stat "$MNT/acme/late"
}

@test "a missing name is not asked for again within --negative-ttl" {
    mount_start --ttl 3600 --negative-ttl 3600
    fails_with "No such file" stat "$MNT/acme/never"
    reset_counts
    fails_with "No such file" stat "$MNT/acme/never"
    assert_requests 0
}

@test "a deleted registry is gone" {
    upsert_registry acme-org-entity short-lived
    mount_start --ttl 1
    run -0 cat "$MNT/acme/short-lived/full_name"
    delete_registry acme-org-entity short-lived
    sleep 1.5
    [[ $(ls "$MNT/acme") != *short-lived* ]]
    fails_with "No such file" cat "$MNT/acme/short-lived/full_name"
}

@test "an alias that moves: the symlink and the version's own list follow" {
    mount_start --ttl 1
    local churn=$MNT/acme/model/collections/churn before
    before=$(readlink "$churn/aliases/latest")
    assert_equal "$before" ../versions/v2
    set_alias acme-org-entity model churn v0 latest
    sleep 1.5
    assert_equal "$(readlink "$churn/aliases/latest")" ../versions/v0
    grep -qx latest "$churn/versions/v0/aliases"
    run ! grep -qx latest "$churn/versions/v2/aliases"
}

@test "a new version shows in collections and in versions" {
    mount_start --ttl 1
    ls "$MNT/acme/model/versions" >before.txt
    graphql 'mutation L($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }' \
        "$(jq -nc --arg id "$(artifact_id acme-org-entity model fraud-detector v0)" '{input: {
            artifactID: $id, artifactPortfolioName: "churn", entityName: "acme-org-entity",
            projectName: "wandb-registry-model", aliases: []}}')" >/dev/null
    sleep 1.5
    run -0 ls "$MNT/acme/model/collections/churn/versions/v3"
    [[ $(ls "$MNT/acme/model/versions") == *churn:v3* ]]
    assert_equal "$(readlink "$MNT/acme/model/collections/churn/aliases/latest")" ../versions/v3
}

@test "a version of a new collection: seen at once after touch of versions/" {
    mount_start --ttl 3600
    run ! grep new-comer <<<"$(ls "$MNT/acme/model/versions" "$MNT/acme/model/collections")"
    graphql 'mutation L($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }' \
        "$(jq -nc --arg id "$(artifact_id acme-org-entity model fraud-detector v0)" '{input: {
            artifactID: $id, artifactPortfolioName: "new-comer", entityName: "acme-org-entity",
            projectName: "wandb-registry-model", aliases: []}}')" >/dev/null
    touch "$MNT/acme/model/versions"
    eventually 60 test -L "$MNT/acme/model/versions/new-comer:v0"
    [[ $(ls "$MNT/acme/model/versions") == *new-comer:v0* ]]
}

@test "an open file keeps what it had; the next one sees the new text" {
    mount_start --ttl 1
    exec 8<"$MNT/acme/model/description"
    local first
    read -r first <&8
    describe_model "second"
    sleep 1.5
    assert_equal "$(cat "$MNT/acme/model/description")" second
    run -0 cat <&8
    exec 8<&-
    [[ $first != second ]]
}

@test "a handle reads one text from open to close, and so does the next one, in whatever order they read" {
    mount_start --ttl 1
    python3 - "$MNT/acme/model/description" "$MNT/acme/model/collections/churn/versions/v1/aliases" \
        "$MNT/acme/model/collections/churn/versions/v1/metadata.json" <<'PY' &
import os, sys, time
def until(name):
    while not os.path.exists(name):
        time.sleep(0.02)
def whole(file):
    text = b""
    while piece := os.pread(file, 7, len(text)): # in small pieces: each is a read of its own
        text += piece
    return text
paths = sys.argv[1:]
first = [open(path, "rb").read() for path in paths]
old = [os.open(path, os.O_RDONLY) for path in paths]
assert [os.pread(file, 5, 0) for file in old] == [text[:5] for text in first]
open("opened", "w").close()
until("changed")
time.sleep(1.2)
new = [os.open(path, os.O_RDONLY) for path in paths]
assert [os.stat(path).st_size for path in paths] == [len(open(path, "rb").read()) for path in paths]
found = [whole(file) for file in old]
assert found == first, (found, first)
now = [open(path, "rb").read() for path in paths]
found = [whole(file) for file in new]
assert found == now, (found, now)
assert all(one != other for one, other in zip(first, now)), now
assert [whole(file) for file in old] == first
assert [os.stat(path).st_size for path in paths] == [len(text) for text in now]
PY
    local reading=$!
    eventually 30 [ -e opened ]
    describe_model "a text that is longer than the one before it, by some words"
    set_alias acme-org-entity model churn v1 a-new-alias-of-some-length
    graphql 'mutation M($input: UpdateArtifactInput!) { updateArtifact(input: $input) { artifact { id } } }' \
        "$(jq -nc --arg id "$(artifact_id acme-org-entity model churn v1)" \
            '{input: {artifactID: $id, metadata: "{\"a\": \"longer\", \"b\": [1, 2, 3, 4, 5, 6, 7, 8, 9]}"}}')" >/dev/null
    touch changed
    wait "$reading"
}

@test "what was forgotten inside of a fresh listing is asked for, once" {
    mount_start --ttl 600
    local path
    for path in acme acme/model/collections/churn; do
        ls "$MNT/$(dirname "$path")" >/dev/null
        touch "$MNT/$path"
        reset_counts
        stat "$MNT/$path" >/dev/null
        [[ $(graphql_count) -ge 1 && $(graphql_count) -le 3 ]] || fail "$(graphql_count) requests: $path"
    done
    ls "$MNT/$path/aliases" >/dev/null
    touch "$MNT/$path/aliases"
    reset_counts
    ls "$MNT/$path/aliases" >/dev/null
    assert_requests 1
}

# --- what is gone, by path and for those who hold it ---

# Ends in ENOENT at the first look, by every kind of call.
assert_no_path() {
    local command
    for command in "stat '$1'" "ls '$1'" "cat '$1/description'" "stat '$1/collections'" "cd '$1'" "test -e '$1'" \
        "echo x > '$1/description'" "touch '$1/new'" "mkdir '$1/new'"; do
        run bash -c "$command" 2>&1
        [[ $status -ne 0 ]] || fail "succeeds: $command"
        [[ $command == test* || $output == *'No such file or directory'* ]] || fail "$command: $output"
    done
}

look_at_model() {
    ls "$MNT/acme" "$MNT/acme/model" "$MNT/acme/model/collections" >/dev/null
    cat "$MNT/acme/model/description" >/dev/null
}

@test "a registry that somebody has deleted: ENOENT by path at the first look" {
    local call
    for call in stat ls cat 'stat below' 'open below' cd; do
        control POST /seed '"sample"' >/dev/null
        mount_start --ttl 3600
        look_at_model
        delete_registry acme-org-entity model
        touch "$MNT/acme"
        case $call in
        stat) run -1 stat "$MNT/acme/model" ;;
        ls) run -2 ls "$MNT/acme/model" ;;
        cat) run -1 cat "$MNT/acme/model/description" ;;
        'stat below') run -1 stat "$MNT/acme/model/name" ;;
        'open below') run -1 bash -c 'echo x >"$1"' - "$MNT/acme/model/description" ;;
        cd) run -1 bash -c 'cd "$1" && ls' - "$MNT/acme/model" ;;
        esac
        [[ $output == *'No such file or directory'* ]] || fail "$call: $output"
        assert_no_path "$MNT/acme/model"
        mount_stop
    done
}

@test "after the time to live, and when it was renamed, it is ENOENT as well" {
    mount_start --ttl 1
    look_at_model
    exec 5<"$MNT/acme/model/description"
    cd "$MNT/acme/dataset"
    ls collections >/dev/null
    graphql 'mutation R($input: RenameProjectInput!) { renameProject(input: $input) { inserted } }' \
        '{"input": {"entityName": "acme-org-entity", "oldProjectName": "wandb-registry-model",
          "newProjectName": "wandb-registry-moved"}}' >/dev/null
    delete_registry acme-org-entity dataset
    sleep 1.2
    run -1 stat "$MNT/acme/model/collections"
    [[ $output == *'No such file or directory'* ]] || fail "$output"
    run -1 stat "$MNT/acme/dataset"
    [[ $output == *'No such file or directory'* ]] || fail "$output"
    # Those who hold it are told otherwise.
    run -2 ls .
    [[ $output == *'Stale file handle'* ]] || fail "$output"
    exec 5<&-
    cd "$TEST_DIR"
    touch "$MNT/acme"
    assert_equal "$(cat "$MNT/acme/moved/name")" moved
}

@test "removed and made anew under the same name: it opens for writing at once" {
    mount_start --ttl 1
    look_at_model
    delete_registry acme-org-entity model
    upsert_registry acme-org-entity model description '"made anew"'
    sleep 1.2
    echo written >"$MNT/acme/model/description"
    assert_equal "$(cat "$MNT/acme/model/description")" written
    delete_registry acme-org-entity model
    upsert_registry acme-org-entity model description '"and again"'
    touch "$MNT/acme"
    assert_equal "$(cat "$MNT/acme/model/description")" 'and again'
}

@test "twin: a registry that is still there is found and opens for writing" {
    mount_start --ttl 1
    look_at_model
    sleep 1.2
    stat "$MNT/acme/model" "$MNT/acme/model/name" >/dev/null
    echo written >"$MNT/acme/model/description"
    assert_equal "$(cat "$MNT/acme/model/description")" written
}

# --- a need that was answered is not asked for again at once ---

@test "a file in a subfolder after touch of a folder above, or SIGHUP: few requests" {
    mount_start --ttl 3600
    local version="$MNT/acme/model/collections/churn/versions/v1" file folder
    file=$(find "$version/files" -mindepth 2 -type f | sort | head -n 1)
    [[ -n $file ]]
    for folder in "$version/files" "$version" "$MNT/acme/model/collections" "$MNT/acme" SIGHUP; do
        cat "$file" >/dev/null
        if [[ $folder == SIGHUP ]]; then
            kill -HUP "$PID"
            sleep 0.3
        else
            touch "$folder"
        fi
        reset_counts
        stat "$file" >/dev/null
        cat "$file" >/dev/null
        assert_requests_at_most 8
    done
}

# --- names that the last listing did not have, while the server is silent ---

# How many milliseconds the look takes, and that it says ENOENT.
look_for_absent() {
    local before
    before=$(now_ms)
    run -1 stat "$1"
    [[ $output == *'No such file or directory'* ]] || fail "$output"
    took=$(($(now_ms) - before))
}

@test "a silent server: names that the last listing did not have are ENOENT, the later ones at once" {
    local took name
    mount_start --ttl 1
    look_at_model
    sleep 1.2
    fault hang
    look_for_absent "$MNT/acme/.git"
    [[ $took -lt 4500 ]] || fail "$took ms"
    for name in .hidden .directory .svn; do
        look_for_absent "$MNT/acme/$name"
        [[ $took -lt 1500 ]] || fail "$name: $took ms"
        look_for_absent "$MNT/acme/model/collections/$name"
        [[ $took -lt 4500 ]] || fail "$name: $took ms"
    done
}

@test "twin: a silent server, and nothing was listed: such a name times out" {
    mount_start --ttl 1
    stat "$MNT/acme" >/dev/null
    fault hang
    run -1 stat "$MNT/acme/.git"
    [[ $output == *'Connection timed out'* ]] || fail "$output"
}

@test "twin: a server that answers is asked for such a name" {
    mount_start --ttl 1
    look_at_model
    upsert_registry acme-org-entity newcomer
    sleep 1.2
    stat "$MNT/acme/newcomer" >/dev/null
}
