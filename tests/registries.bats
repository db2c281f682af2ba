#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Registries as directories: mkdir, mv, rmdir (design 3). Recursive deleters: deleters.bats.

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600
    MODEL=$MNT/acme/model
}

@test "mkdir creates, with the visibility of its mode" {
    mkdir "$MNT/acme/new"
    mkdir -m 700 "$MNT/acme/secret"
    assert_equal "$(cat "$MNT/acme/new/visibility" "$MNT/acme/secret/visibility")" $'organization\nrestricted'
    assert_equal "$(server_value new access) $(server_value secret access)" 'PRIVATE RESTRICTED'
    assert_equal "$(server_value new allowAllArtifactTypesInRegistry)" true
    echo 'first text' >"$MNT/acme/new/description"
    assert_equal "$(server_value new description)" 'first text'
}

@test "mkdir of what exists changes nothing, also when it has just appeared" {
    local before
    before=$(on_server model)
    fails_with 'File exists' mkdir "$MODEL"
    run ! stat "$MNT/acme/appeared"
    upsert_registry "$ENTITY" appeared description '"mine"' access '"RESTRICTED"'
    fails_with 'File exists' mkdir "$MNT/acme/appeared"
    assert_equal "$(on_server model)" "$before"
    assert_equal "$(server_value appeared access)" RESTRICTED
    assert_mutations 0
}

@test "inserted: false is reported loudly" {
    control POST /faults '{"kind": "inserted_false", "operation": "UpsertRegistry"}' >/dev/null
    fails_with 'File exists' mkdir "$MNT/acme/raced"
    grep -q 'raced.*EEXIST' "$MNT/.registryfs/errors"
}

# mkdir of a registry that somebody else makes between its look and its upsert: race MEMBER VALUE…
race() {
    local pid
    control POST /faults '{"kind": "delay", "ms": 8000, "operation": "UpsertRegistry"}' >/dev/null
    mkdir "$MNT/acme/raced" 2>complaint &
    pid=$!
    eventually 60 looked_for_raced
    upsert_registry "$ENTITY" raced description '"theirs"' "$@"
    wait "$pid" || true
    grep -q 'File exists' complaint
}

looked_for_raced() {
    control GET '/requests?last=20&target=graphql' |
        jq -e 'any(.[]; .operation == "UpsertRegistry")' >/dev/null
}

@test "two mkdir of one name: who loses makes nobody's restricted registry visible" {
    race access '"RESTRICTED"'
    assert_equal "$(server_value raced access) $(server_value raced description)" 'RESTRICTED theirs'
    grep -q 'raced.*EEXIST.*at the same moment' "$MNT/.registryfs/errors"
    assert_equal "$(last_upsert | jq -r .access)" RESTRICTED
}

@test "mkdir: created restricted, then opened; -m 700 is one upsert" {
    mkdir "$MNT/acme/open"
    assert_mutations 2
    assert_equal "$(last_upsert | jq -c 'del(.entityName)')" '{"name":"wandb-registry-open","access":"PRIVATE"}'
    reset_counts
    mkdir -m 700 "$MNT/acme/closed"
    assert_mutations 1
    assert_equal "$(server_value open access) $(server_value closed access)" 'PRIVATE RESTRICTED'
}

@test "mkdir that cannot be opened says so, and is there, restricted" {
    control POST /faults '{"kind": "status", "status": 403, "operation": "UpsertRegistry", "after": 1}' >/dev/null
    fails_with 'Permission denied' mkdir "$MNT/acme/half"
    assert_equal "$(server_value half access)" RESTRICTED
    grep -q 'EACCES .*half is created and still restricted' "$MNT/.registryfs/errors"
    touch "$MNT/acme"
    echo organization >"$MNT/acme/half/visibility"
    assert_equal "$(server_value half access)" PRIVATE
}

@test "mkdir is refused where it makes no sense" {
    fails_with 'Operation not permitted' mkdir "$MNT/other"
    fails_with 'Operation not permitted' mkdir "$MODEL/sub"
    fails_with 'Read-only file system' mkdir "$MODEL/collections/sub"
    fails_with 'Operation not permitted' mkdir "$MNT/acme/.hidden"
    fails_with 'Invalid argument' mkdir "$MNT/acme/a:b"
    run ! mkdir "$MNT/acme/@x"
    assert_mutations 0
}

@test "mv renames a registry; over another one, and between organizations, it does not" {
    mv "$MODEL" "$MNT/acme/moved"
    assert_equal "$(cat "$MNT/acme/moved/name")" moved
    run ! stat "$MODEL"
    reset_counts
    python3 - "$MNT" <<'PY'
import errno, os, sys
os.chdir(sys.argv[1])
def refused(wanted, old, new):
    try:
        os.rename(old, new)
    except OSError as problem:
        assert problem.errno == wanted, problem
    else:
        raise SystemExit("not refused: " + new)
refused(errno.EEXIST, "acme/moved", "acme/dataset")
refused(errno.EPERM, "acme/moved", "Globex Research/moved")
refused(errno.EPERM, "acme/moved", "acme/dataset/moved")
refused(errno.EPERM, "acme/moved", "acme/a:b")
PY
    assert_mutations 0
}

@test "rmdir asks whether there are collections, and sends nothing when there are" {
    fails_with 'Directory not empty' rmdir "$MODEL"
    assert_mutations 0
    mkdir "$MNT/acme/empty"
    rmdir "$MNT/acme/empty"
    run ! stat "$MNT/acme/empty"
    assert_equal "$(on_server empty)" ""
}

@test "rm -rf deletes nothing" {
    run ! rm -rf "$MODEL"
    run ! rm -rf "$MNT/acme"
    assert_mutations 0
    eventually 5 assert_no_leftover model
}

@test "--rmdir never and any" {
    mount_stop
    mount_start --rmdir never
    fails_with 'Operation not permitted' rmdir "$MNT/acme/model"
    mount_stop
    mount_start --rmdir any
    run ! setsid --wait rm -rf "$MNT/acme/model" # another terminal's
    assert_mutations 0
    rmdir "$MNT/acme/model"
    assert_equal "$(on_server model)" ""
}
