#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# More than one page of everything: empty pages, null nodes, cursors that go nowhere.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start paging
}

@test "the whole tree, page after page, equals the expected one" {
    expect_tree expected
    EXPECTED=$PWD/expected
    mount_start --ttl 600
    assert_same_tree '%y %P'
    assert_same_tree '%P -> %l' -type l
    local size
    for size in 2 4 6; do
        run -0 bash -c 'find "$1" -mindepth "$2" -maxdepth "$2" -printf "%h\n" | sort | uniq -c |
            sort -n | tail -n 1 | awk "{ print \$1 }"' - "$EXPECTED" "$size"
        [[ $output -ge 240 ]] || fail "only $output entries at depth $size"
    done
}

@test "a listing that is read in small pieces misses nothing" {
    mount_start --ttl 600
    ls -f "$MNT/paging" | sort >quick.txt
    python3 - "$MNT/paging" >slow.txt <<'SCRIPT'
import os, sys
with os.scandir(sys.argv[1]) as entries:
    print("\n".join(sorted([".", ".."] + [entry.name for entry in entries])))
SCRIPT
    LC_ALL=C sort -o slow.txt slow.txt
    LC_ALL=C sort -o quick.txt quick.txt
    assert_same_text quick.txt slow.txt
}

@test "empty pages that are not the last" {
    mount_start --ttl 600
    ls "$MNT/paging" >before.txt
    mount_stop
    mount_start --ttl 600
    control POST /faults '{"target": "graphql", "operation": "*", "kind": "empty_pages", "n": 3}'
    ls "$MNT/paging" >after.txt
    assert_same_text before.txt after.txt
}

@test "a cursor that repeats: Input/output error, not for ever" {
    mount_start --timeout 20
    fault repeat_cursor
    reset_counts
    fails_with "Input/output error" within 20000 ls "$MNT/paging"
    assert_requests_at_most 20
    [[ -n $(cat "$MNT/.registryfs/errors") ]]
    control DELETE /faults
    # The failure is not kept for longer than anything else.
    eventually 40 ls "$MNT/paging" >/dev/null
}

@test "null nodes are passed over" {
    mount_start --ttl 600
    ls "$MNT/paging" | wc -l >before.txt
    mount_stop
    mount_start --ttl 600
    fault null_at path '["organization", "orgEntity", "projects", "edges", 0, "node"]'
    ls "$MNT/paging" | wc -l >after.txt
    [[ $(cat after.txt) -lt $(cat before.txt) && $(cat after.txt) -gt 200 ]]
}

@test "the first entries come after one page, the rest when somebody reads on" {
    sandbox_start large --param collections=1200 --param versions=0
    mount_start --ttl 600
    reset_counts
    "$ROOT/tests/bench/walking.py" first "$MNT/large/r0/collections"
    sleep 0.5
    [[ $(operation_count RegistryCollections) -le 2 ]] || fail "$(control GET /counts)"
    ls -f "$MNT/large/r0/collections" | sort >all.txt
    printf '%s\n' . .. c{0..1199} | sort >expected.txt
    assert_same_text all.txt expected.txt
    assert_equal "$(operation_count RegistryCollections)" 12
}

@test "places in a listing that is still coming: telldir, seekdir, rewinddir" {
    sandbox_start large --param collections=350 --param versions=0
    mount_start --ttl 600
    run -0 perl -e '
        opendir(my $handle, $ARGV[0]) or die;
        my (@names, @places);
        for (;;) {
            push @places, telldir($handle);
            push @names, (readdir($handle) // last);
        }
        @names == 352 or die scalar(@names), " entries";
        my %once = map { $_ => 1 } @names;
        keys %once == 352 or die "some occur twice";
        for my $i (250, 10, 120, 0) {
            seekdir($handle, $places[$i]);
            my $name = readdir($handle);
            $name eq $names[$i] or die "$i: $name instead of $names[$i]";
        }
        rewinddir($handle);
        my @again = readdir($handle);
        "@again" eq "@names" or die "rewound, it reads otherwise";
    ' "$MNT/large/r0/collections"
}

@test "a page in the middle fails: what came before is shown, the listing fails, the next one works" {
    sandbox_start large --param collections=500 --param versions=0
    mount_start --ttl 600
    control POST /faults '{"target": "graphql", "operation": "RegistryCollections", "kind": "status",
        "status": 500, "times": -1, "after": 2}'
    run ! ls -f "$MNT/large/r0/collections"
    [[ $output == *"Input/output error"* && $output == *c499* ]] || fail "$output"
    control DELETE /faults
    run -0 ls "$MNT/large/r0/collections"
    assert_equal "${#lines[@]}" 500
}

@test "a page in the middle hangs: the reader waits for seconds, others do not" {
    sandbox_start large --param collections=500 --param versions=0
    mount_start --ttl 600
    control POST /faults '{"target": "graphql", "operation": "RegistryCollections", "kind": "hang",
        "times": -1, "after": 1}'
    ls -f "$MNT/large/r0/collections" >hung.txt 2>&1 3>&- &
    local pid=$!
    eventually 10 test -s hung.txt || true
    within 5000 cat "$MNT/large/r0/name" >/dev/null
    within 15000 tail --pid "$pid" -f /dev/null
    grep -q 'Connection timed out' hung.txt
}
