#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files that are renamed over attributes, and backups of them, where the server or the room for them says no.

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    mount_start --ttl 600
    MODEL=$MNT/acme/model
}

# The kernel answers ESTALE by trying a rename once more.
@test "a rename over what somebody else has changed meanwhile: ESTALE, also when it is tried again" {
    echo mine >"$MODEL/tmp"
    upsert_registry "$ENTITY" model description '"theirs"'
    reset_counts
    fails_with 'Stale file handle' mv "$MODEL/tmp" "$MODEL/description"
    assert_mutations 0
    assert_equal "$(cat "$MODEL/tmp" "$MODEL/description")" $'mine\ntheirs'
    assert_equal "$(unsaved model/description)" mine
}

@test "a rename of an equal text changes nothing, also when the server is asked each time" {
    mount_stop
    mount_start --ttl 0
    MODEL=$MNT/acme/model
    local before
    before=$(stat -c '%i %y' "$MODEL/description")
    cp "$MODEL/description" "$MODEL/tmp"
    mv "$MODEL/tmp" "$MODEL/description"
    assert_equal "$(stat -c '%i %y' "$MODEL/description")" "$before"
    assert_mutations 0
}

@test "a backup that does not fit leaves the file that it was to replace" {
    local filler
    echo old >"$MODEL/backup"
    for filler in 1 2 3 4; do
        head -c $((filler < 4 ? 2 << 20 : 3 << 19)) /dev/zero >"$MODEL/filler$filler"
    done
    head -c 1048576 /dev/zero | tr '\0' x >"$MODEL/description"
    fails_with 'No space left on device' mv "$MODEL/description" "$MODEL/backup"
    assert_equal "$(cat "$MODEL/backup")" old
}
