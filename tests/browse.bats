#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The tree of design 2 over the sample organizations, compared with one that other code makes.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
    expect_tree expected
    export EXPECTED=$SUITE_DIR/expected
    mount_start --ttl 600
}

@test "every name is there, of the right kind, and no other" {
    assert_same_tree '%y %P'
}

@test "every attribute reads as the server has it" {
    assert_same_texts
}

@test "symlinks lead where they should" {
    assert_same_tree '%P -> %l' -type l
    assert_equal "$(find "$MNT" -xtype l)" ""
}

@test "sizes are what cat prints" {
    assert_same_tree '%s %P' -type f
}

@test "modes: editable 644, everything else 444; directories to match" {
    assert_same_tree '%m %P' -type f
    assert_same_tree '%m %P' -type d
    assert_equal "$(stat -c %a "$MNT")" 555
}

@test "times are the object's" {
    assert_same_tree '%T@ %P' -mindepth 2 ! -type l
    assert_equal "$(describe "$MNT" '%C@ %P' -mindepth 2)" "$(describe "$MNT" '%T@ %P' -mindepth 2)"
}

@test "everything belongs to who mounted" {
    assert_equal "$(find "$MNT" -printf '%U:%G\n' | sort -u)" "$(id -u):$(id -g)"
}

@test "a large enough part was seen" {
    [[ $(describe "$MNT" '%P' -type f | wc -l) -gt 100 ]]
    [[ $(describe "$MNT" '%P' -type l | wc -l) -gt 10 ]]
}

@test "inode numbers: unique, and the same after a remount" {
    describe "$MNT" '%i %P' -true >before.txt
    cut -d ' ' -f 1 before.txt | sort | uniq -d >twice.txt
    [[ ! -s twice.txt ]]
    mount_start
    describe "$MNT" '%i %P' -true >after.txt
    assert_same_text before.txt after.txt
}

@test "the control directory is there, private, and not listed" {
    assert_equal "$(stat -c '%F %a' "$MNT/.registryfs")" "directory 700"
    [[ $(ls -a "$MNT") != *.registryfs* ]]
    local key
    for key in version base_url viewer uptime requests bytes; do
        [[ -n $(status_value "$key") ]] || fail "no $key in status"
    done
    assert_equal "$(status_value base_url)" "$WANDB_BASE_URL"
    cat "$MNT/.registryfs/errors" >/dev/null
    assert_equal "$(grep -cvE '^[a-z_ ]+: ' "$MNT/.registryfs/status")" 0
}

@test "df answers" {
    run -0 within 5000 df "$MNT"
    run -0 within 5000 stat -f "$MNT"
}

@test "user.registryfs.name holds the server's name" {
    local path
    for path in acme acme/model acme/model/collections/churn; do
        assert_equal "$(getfattr --only-values -n user.registryfs.name "$MNT/$path")" "${path##*/}"
    done
    run -0 getfattr -hRd -m - "$MNT/acme/model/collections"
    [[ $output != *user.registryfs.name* ]]
    run ! getfattr -n user.registryfs.name "$MNT/acme/model/description"
    [[ $output == *"No such attribute"* ]]
}

@test "a directory reads the same again, from the start and from the middle" {
    run -0 perl -e '
        opendir(my $handle, $ARGV[0]) or die;
        my @first = readdir $handle; rewinddir $handle; my @again = readdir $handle;
        die "rewinddir" if "@first" ne "@again";
        rewinddir $handle; readdir $handle for 1 .. 3;
        my $place = telldir $handle; my @rest = readdir $handle;
        seekdir $handle, $place; my @rest_again = readdir $handle;
        die "seekdir" if "@rest" ne "@rest_again" or @rest != @first - 3;
        print scalar @first;' "$MNT/acme/model"
    assert_equal "$output" 17
    assert_equal "$(ls -f "$MNT/acme")" "$(ls -f "$MNT/acme")"
}

@test "parts of a file: any offset, past the end" {
    local file=$MNT/acme/model/full_name
    assert_equal "$(tail -c 6 "$file")" model
    assert_equal "$(dd if="$file" bs=1 skip=6 count=8 status=none)" registry
    assert_equal "$(dd if="$file" bs=4096 skip=1 status=none | wc -c)" 0
}

@test "what is not there: No such file or directory" {
    fails_with "No such file or directory" stat "$MNT/nobody"
    fails_with "No such file or directory" stat "$MNT/acme/nothing"
    fails_with "No such file or directory" stat "$MNT/acme/model/nothing"
    fails_with "No such file or directory" stat "$MNT/acme/model/collections/nothing"
    fails_with "No such file or directory" stat "$MNT/acme/model/collections/churn/versions/v999"
    fails_with "No such file or directory" stat "$MNT/acme/model/collections/churn/aliases/nothing"
    fails_with "No such file or directory" stat "$MNT/acme/model/versions/churn:v999"
    fails_with "No such file or directory" stat "$MNT/.registryfs/nothing"
}

@test "a known path resolves on a cold mount, without a listing" {
    describe "$MNT" '%P' -type f >paths.txt
    mount_start
    run -0 stat "$MNT/acme/model/collections/churn/aliases/latest/metadata.json"
    mount_stop
    mount_start
    run -0 cat "$MNT/$(tail -n 1 paths.txt)"
    mount_stop
    mount_start
    run -0 cat "$MNT/$(head -n 1 paths.txt)"
}

@test "collections and versions refuse every change: Read-only file system" {
    local directory
    for directory in collections collections/churn collections/churn/versions/v0 \
        collections/churn/aliases versions; do
        fails_with "Read-only file system" touch "$MNT/acme/model/$directory/new"
        fails_with "Read-only file system" mkdir "$MNT/acme/model/$directory/new"
        fails_with "Read-only file system" ln -s target "$MNT/acme/model/$directory/new"
    done
    local churn=$MNT/acme/model/collections/churn
    fails_with "Read-only file system" rm "$churn/description"
    fails_with "Read-only file system" rm "$churn/aliases/latest"
    fails_with "Read-only file system" rmdir "$churn/versions/v0"
    fails_with "Read-only file system" mv "$churn" "$churn-2"
    fails_with "Read-only file system" mv "$churn/description" "$churn/other"
    fails_with "Read-only file system" chmod 600 "$churn/description"
    fails_with "Read-only file system" truncate -s 0 "$churn/description"
    fails_with "Read-only file system" bash -c 'echo text >"$1"' - "$churn/description"
    [[ $(control GET /counts | jq .mutations) -eq 0 ]]
}

@test "ordinary tools walk it without an error" {
    run -0 --separate-stderr ls -lR "$MNT/acme/model/collections/churn"
    [[ -z $stderr ]]
    run -0 --separate-stderr grep -r --include=name churn "$MNT/acme"
    [[ -z $stderr ]]
    find "$EXPECTED/acme" -name versions -prune -o -type f -printf '%P\n' >names.txt
    tar -C "$MNT/acme" -cf - -T names.txt | tar -xf - --one-top-level=copy
    tar -C "$EXPECTED/acme" -cf - -T names.txt | tar -xf - --one-top-level=wanted
    diff -r wanted copy
    run -0 du -s "$MNT/acme/model"
    run -0 git -C "$MNT/acme/.." --version
}

@test "nothing was reported as an error" {
    # Ordinary browsing of sound data: any line here is wrong, but for names that were not there.
    grep -v ENOENT "$MNT/.registryfs/errors" >lines.txt || true
    [[ ! -s lines.txt ]] || fail "$(cat lines.txt)"
}

# Everything but what is inside of files/.
outline() {
    (cd "$1" && LC_ALL=C find . -mindepth 1 \( -name files -o -name lineage -o -name members \) -prune -o -printf '%y %P\n') | LC_ALL=C sort
}

# Old servers list files by the source's project, which the key may have no rights in.
@test "an old server: fewer fields, but still a tree" {
    control POST /features '{"absent": true}' >/dev/null
    control POST /schema '{"remove": ["ServerInfo.features", "Project.artifactCollectionMembership",
        "Artifact.tags", "Artifact.ttlDurationSeconds", "Artifact.ttlIsInherited",
        "Artifact.historyStep", "ArtifactCollectionMembership.files"]}' >/dev/null
    mount_start
    outline "$EXPECTED" >expected.txt
    outline "$MNT" >found.txt
    local same=0
    assert_same_text expected.txt found.txt || same=1
    assert_equal "$(cat "$MNT/acme/model/collections/churn/aliases/latest/ttl")" "" || same=1
    mount_stop || same=1
    control POST /schema '{"remove": []}' >/dev/null
    control POST /features '{"absent": false}' >/dev/null
    return $same
}
