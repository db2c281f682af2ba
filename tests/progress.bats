#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Files on their way, as --status, the control files and --watch show them: path, bytes, rate, streams,
# where from; those that have come leave soon.

load lib/helpers
load lib/cached_file

setup_file() {
    suite_setup
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 \
        --param files=24 --param file_bytes=3000000 --param big_bytes=1000
}

teardown() {
    [[ -z ${READER:-} ]] || kill_tree "$READER"
    [[ -z ${WATCHER:-} ]] || kill_tree "$WATCHER"
    exec 5<&- 6<&-
    test_teardown
}

# What --status says of files, as JSON.
files_now() {
    "$REGISTRYFS" --status "$MNT" --json | jq -c .files
}

# Whether the jq condition holds for the files.
files_are() {
    files_now | tee files.json | jq -e --arg file "$FILE" "$1" >/dev/null
}

# More than $1 files are under way.
more_than() {
    [[ $(status_value files_under_way) -gt $1 ]]
}

# Bodies come slowly, until the faults are cleared.
slow_storage() {
    control POST /faults '{"kind": "drip", "target": "storage", "times": -1, "bytes_per_second": 40000}' >/dev/null
}

# Reads $1 in the background.
read_slowly() {
    sha256sum "$1" >read.sum 3>&- &
    READER=$!
}

@test "a file on its way: how much of it has come, how fast, over how many streams, where from" {
    mount_start --cache-dir "$CACHE"
    [[ $(files_now) == '[]' ]]
    [[ $(status_value files_under_way) == 0 && -z $(status_value file) ]]
    slow_storage
    read_slowly "$MNT/$FILE"
    eventually 60 files_are 'length == 1 and (.[0] | .path == $file and .size == 3000000 and .bytes > 0 and
        .bytes < .size and .rate > 0 and .streams > 0 and .source == "network" and (.finished | not))'
    [[ $(status_value files_under_way) == 1 ]]
    [[ $(status_value file) =~ ^[0-9]+" of 3000000 bytes, "[0-9]+" bytes/s, "[0-9]+" streams, network: $FILE"$ ]]
    cat "$MNT/.registryfs/metrics" >metrics
    grep -qxE 'registryfs_files_under_way 1' metrics
    grep -qxF "registryfs_file_size{path=\"$FILE\",source=\"network\"} 3000000" metrics
    grep -qE "^registryfs_file_(bytes|rate|streams)\{path=\"$FILE\",source=\"network\"\} [0-9]+$" metrics
    run ! grep -vE '^(# (HELP|TYPE) registryfs_[a-z_]+ .+|registryfs_[a-z_]+(\{[^}]+\})? [0-9]+)$' metrics
    control DELETE /faults >/dev/null
    wait "$READER"
    READER=
    [[ $(cut -d ' ' -f 1 read.sum) == "$HASH" ]]
    files_are 'length == 1 and (.[0] | .bytes == 3000000 and .rate > 0 and .finished)'
    [[ $(status_value files_under_way) == 0 ]]
    [[ $(status_value file) =~ ^"3000000 of 3000000 bytes, "[0-9]+" bytes/s, finished, network: $FILE"$ ]]
    eventually 60 files_are 'length == 0'
}

@test "what is read again comes from the disk; what was only begun has not come whole" {
    local other
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    mount_stop
    mount_start --cache-dir "$CACHE" -o passthrough=off
    slow_storage
    head -c 1000000 "$MNT/$FILE" >/dev/null
    files_are 'length == 1 and (.[0] | .bytes >= 1000000 and .bytes <= .size and .source == "disk" and .finished)'
    other=$(find "$MNT/$FILES" -type f -size +2M ! -path "*/$FILE" -print -quit)
    head -c 1000 "$other" >/dev/null
    files_are 'length == 2 and (.[0] | .bytes >= 1000 and .bytes < .size and .source == "network" and .finished)'
}

@test "of what the kernel reads itself it is told that it does" {
    [[ $(id -u) == 0 ]] || skip "needs root"
    mount_start --cache-dir "$CACHE"
    [[ $(sha256 "$MNT/$FILE") == "$HASH" ]]
    mount_stop
    mount_start --cache-dir "$CACHE"
    exec 5<"$MNT/$FILE"
    [[ $(status_value passed_files) == 1 ]] || skip "the kernel cannot do it"
    files_are '. == [{path: $file, size: 3000000, bytes: null, rate: null, streams: 0, source: "passed", finished: false}]'
    [[ $(status_value file) == "3000000 bytes, passed: $FILE" ]]
    exec 5<&-
    eventually 60 files_are '.[0].finished'
    eventually 60 files_are 'length == 0'
}

@test "many files: the list is short, the number is not" {
    mount_start --cache-dir "$CACHE"
    find "$MNT/$FILES" -type f -size +2M >all
    [[ $(wc -l <all) -gt 20 ]]
    slow_storage
    xargs -P 30 -n 1 cat <all >/dev/null 3>&- &
    READER=$!
    eventually 60 files_are 'length == 16 and all(.[]; .finished | not)'
    eventually 60 more_than 16
    files_are '[.[].path] | length == (unique | length)'
    control DELETE /faults >/dev/null
    wait "$READER"
    READER=
    files_are 'length == 16 and all(.[]; .finished)'
}

@test "no path breaks out: quotes, backslashes, control characters" {
    local folder place
    jq -n '{users: [{username: "ada", key: ("5a" * 20), organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
          {name: "c", versions: [{files: [{path: "a\"b\\c,d} 1\u001b[31m\u009b\u007fZoë😀", random: {seed: 1, size: 40000}}]}]}]}]}]}' >seed.json
    sandbox_start "$PWD/seed.json"
    mount_start --no-cache
    folder=$MNT/o/r/collections/c/versions/v0/files
    mkdir spoken
    "$REGISTRYFS" --status "$MNT" --watch >spoken/watch 3>&- &
    WATCHER=$!
    ls "$folder" >/dev/null
    control POST /faults '{"kind": "stall", "target": "storage", "times": -1, "after_bytes": 100}' >/dev/null
    cat "$folder"/* >/dev/null 3>&- &
    READER=$!
    eventually 60 more_than 0
    eventually 60 grep -qF 'Zoë😀' spoken/watch
    "$REGISTRYFS" --status "$MNT" >spoken/lines
    "$REGISTRYFS" --status "$MNT" --json >spoken/json
    cat "$MNT/.registryfs/metrics" >spoken/metrics
    for place in spoken/*; do
        grep -qF 'Zoë😀' "$place" || fail "no file in $place"
        perl -ne 'exit 1 if /[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/' "$place" || fail "a control character in $place"
    done
    jq -e '.files | length == 1 and (.[0].path | contains("a\"b\\c,d} 1"))' spoken/json
    grep -qE '^registryfs_file_bytes\{path="o/r/[^"]*a\\"b\\\\c,d\} 1.*",source="network"\} [0-9]+$' spoken/metrics
}

@test "--watch shows them again and again, on a terminal in place, until the mount is gone" {
    local terminal status=0
    run -1 --separate-stderr "$REGISTRYFS" --watch /
    [[ $stderr == *--status* ]]
    run -1 --separate-stderr "$REGISTRYFS" --status / --watch --json
    run -2 "$REGISTRYFS" --status "$TEST_DIR" --watch
    mount_start --cache-dir "$CACHE"
    script -qefc "stty rows 24 cols 80; exec $REGISTRYFS --status $MNT --watch" terminal >/dev/null 2>&1 3>&- &
    terminal=$!
    "$REGISTRYFS" --status "$MNT" --watch >watched 3>&- &
    WATCHER=$!
    eventually 60 grep -q 'no file is on its way' watched
    slow_storage
    read_slowly "$MNT/$FILE"
    eventually 60 grep -qE "[0-9] % of   3\.0 MB .*/s .* streams +network +$FILE" watched
    eventually 60 grep -qE "[0-9] % of   3\.0 MB .*/s .* streams +network +large/" terminal
    control DELETE /faults >/dev/null
    wait "$READER"
    READER=
    eventually 60 grep -qE "100 % of   3\.0 MB .* finished +network +$FILE" watched
    eventually 60 grep -q '100 % of' terminal
    run ! grep -q $'\e' watched
    [[ $(grep -c '^state: healthy' watched) -gt 2 ]]
    # Home, and no line longer than the screen: what stood there is overwritten.
    grep -q $'\e\[H' terminal
    mount_stop
    wait "$terminal" || status=$?
    [[ $status == 2 ]]
    status=0
    wait "$WATCHER" || status=$?
    [[ $status == 2 ]]
    grep -q 'state: down' watched
    grep -q 'state: down' terminal
}
