#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `get`: a version's files in a directory. KILLS=20 kills it at so many moments, FILES=10000 brings so many
# small files, LARGE_BYTES=4294967296 makes the large one so large.

load lib/helpers

setup_file() {
    suite_setup
    jq -n --argjson files "${FILES:-300}" --argjson large "${LARGE_BYTES:-12000000}" '{users: [{username: "ada", key: ("k" * 40), organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [
                {files: [{path: "README.md", text: "old\n"}]},
                {files: [{path: "README.md", text: "hello\n"}, {path: "a/copy.md", text: "hello\n"},
                    {path: "a/b/50%20.txt", text: "x"}, {path: "empty", text: ""},
                    {path: "model.bin", random: {seed: 7, size: 3000001}}]}]},
            {name: "links", versions: [{files: [{path: "here.txt", text: "here\n"},
                {path: "there.bin", ref: "s3://bucket/there.bin", size: 7, digest: "x"}]}]},
            {name: "large", versions: [{files: [{path: "large.bin", random: {seed: 3, size: $large}}]}]},
            {name: "own", versions: [{files: [".registryfs-get", ".registryfs-partial/x", "a/.registryfs-get",
                ".registryfs-get2", "good"] | map({path: ., text: "of the version: \(.)\n"})}]},
            {name: "three", versions: [{files: [range(3) | {path: "\(.).bin", random: {seed: (. + 50), size: 3000000}}]}]},
            {name: "many", versions: [{files: [range($files) | {path: "\(. % 100)/\(.).txt", text: "file \(.)\n"}]}]}
            ]}]}]}' \
        >seed.json
    sandbox_start "$SUITE_DIR/seed.json"
    PINNED=$("$REGISTRYFS" resolve o/wandb-registry-r/c)
    SOURCE=o/wandb-registry-r/c:v1
    export PINNED SOURCE
}

# get STATUS WORD…: its output in $output and $stderr.
get() {
    local wanted=$1
    shift
    run --separate-stderr -- within $((300000 + ${LARGE_BYTES:-0} / 4000)) "$REGISTRYFS" get "$@"
    [[ $status -eq $wanted ]] || fail "exit status $status, not $wanted: $output $stderr"
}

# holds DIRECTORY [COLLECTION]: the newest version's files, all of them, whole and right.
holds() {
    local collection=${2:-c}
    control GET /state | jq -r --arg name "$collection" '[.. | objects | select(.name? == $name and .versions)][0]
        | .versions[-1].files[] | select(.md5) | "\(.md5)  \(.path)"' | sed 's/50%20/50%2520/' >sums
    [[ -s sums ]] || fail "no files are known" || return
    (cd "$1" && md5sum --quiet -c "$TEST_DIR/sums") || return
    [[ ! -e $1/.registryfs-partial ]] || fail "left: $(ls "$1/.registryfs-partial")"
}

stored_bytes() {
    control GET /counts | jq .storage.bytes
}

fault_on_storage() {
    control POST /faults "$(jq -nc --arg kind "$1" --argjson more "$2" \
        '{target: "storage", operation: "*", times: -1} + {$kind} + $more')" >/dev/null
}

@test "all files come, whole and right, under the names of the tree; a second time nothing does" {
    get 0 --no-cache "$SOURCE" out
    [[ $output == "$PINNED" ]] || fail "$output"
    holds out
    [[ -e "out/a/b/50%2520.txt" && $(stat -c %s out/empty) == 0 ]]
    # One content has come once.
    [[ $(stored_bytes) -lt 3001000 ]] || fail "$(stored_bytes)"
    stat -c '%i %Y %n' out/README.md out/model.bin >before
    reset_counts
    get 0 --no-cache --json "$SOURCE" out
    jq -e '.kept == 5 and .brought == 0 and .files == 5 and .exit == 0 and .failed == []' <<<"$output"
    [[ $(jq -r .source <<<"$output") == "$PINNED" ]]
    [[ $(stored_bytes) == 0 ]]
    stat -c '%i %Y %n' out/README.md out/model.bin | cmp - before
    mount_start "$SOURCE"
    diff -r --exclude .registryfs-get "$MNT" out
}

@test "right files are kept although nobody recorded them, others are not touched without --overwrite" {
    mkdir -p out/a
    printf 'hello\n' >out/README.md
    head -c 3000001 /dev/zero >out/model.bin
    printf 'other\n' >out/a/copy.md
    printf 'mine\n' >out/notes
    get 33 "$SOURCE" out
    [[ $stderr == *"model.bin: something else is there; --overwrite"* && $stderr == *a/copy.md:* ]]
    [[ $(cat out/a/copy.md) == other && $(tr -d '\0' <out/model.bin | wc -c) == 0 ]]
    inode=$(stat -c %i out/README.md)
    get 0 --overwrite "$SOURCE" out
    holds out
    [[ $(stat -c %i out/README.md) == "$inode" && -e out/notes ]]
    # What was found right and is changed afterwards is looked at again.
    printf 'hollo\n' >out/README.md
    touch -d @1 out/model.bin
    get 33 "$SOURCE" out
    [[ $stderr == *README.md:* && $stderr != *model.bin:* ]]
}

@test "from the cache: nothing is fetched for a second directory; without a cache all of it" {
    get 0 "$SOURCE" one
    reset_counts
    get 0 "$SOURCE" two
    holds two
    [[ $(stored_bytes) == 0 ]]
    [[ $(stat -c %h two/model.bin) == 1 && ! -L two/model.bin ]]
    get 0 --no-cache "$SOURCE" three
    [[ $(stored_bytes) -gt 3000000 ]]
}

# How much of the content on its way has come.
partial_size() {
    stat -c %s out/.registryfs-partial/* 2>/dev/null || printf '0\n'
}

# Has it grown beyond $1, or has process $2 ended?
has_grown() {
    (($(partial_size) > $1)) || ! is_running "$2"
}

@test "killed at any moment it goes on where it was, and never has a name for what is not right" {
    local kills=${KILLS:-3} i pid had=0
    fault_on_storage drip '{"bytes_per_second": 700000}'
    for ((i = 0; i < kills; i++)); do
        "$REGISTRYFS" get --no-cache o/wandb-registry-r/large out >out.log 2>&1 &
        pid=$!
        eventually 100 has_grown "$had" "$pid"
        sleep "0.$RANDOM"
        kill -KILL "$pid" 2>/dev/null || true
        wait_for_end "$pid" 30
        [[ ! -e out/large.bin ]] || break
        (($(partial_size) > had)) || fail "nothing more has come: $(cat out.log)"
        had=$(partial_size)
    done
    control DELETE /faults
    reset_counts
    get 0 --no-cache --json o/wandb-registry-r/large out
    holds out large
    [[ $(stored_bytes) -le $((12000000 - had)) ]] || fail "fetched $(stored_bytes), had $had"
}

@test "what an earlier run has left and is damaged is fetched again" {
    mkdir -p out/.registryfs-partial
    local md5
    get 0 --no-cache o/wandb-registry-r/large whole
    md5=$(md5sum whole/large.bin | cut -c 1-32)
    head -c 5000000 whole/large.bin >"out/.registryfs-partial/$md5"
    printf x | dd of="out/.registryfs-partial/$md5" bs=1 seek=123456 conv=notrunc status=none
    get 0 --no-cache o/wandb-registry-r/large out
    holds out large
}

@test "wrong bytes: fetched again; if they stay wrong that file fails, and the others come" {
    control POST /faults '{"target": "storage", "operation": "model.bin", "kind": "wrong_bytes",
        "offset": 100000, "count": 8, "times": 1}' >/dev/null
    get 0 --no-cache "$SOURCE" once
    holds once
    control DELETE /faults
    control POST /faults '{"target": "any", "operation": "model.bin", "kind": "wrong_bytes",
        "offset": 100000, "count": 8, "times": -1}' >/dev/null
    get 33 --no-cache "$SOURCE" always
    [[ ! -e always/model.bin && $(cat always/README.md) == hello ]]
    [[ $(grep -c '^registryfs: model.bin: ' <<<"$stderr") == 1 ]] || fail "$stderr"
    control DELETE /faults
    get 0 --no-cache "$SOURCE" always
    holds always
}

@test "a version's file never takes the place of the marker or of what is on its way" {
    local option
    for option in --no-cache --overwrite; do
        get 33 "$option" --json o/wandb-registry-r/own out
        jq -e '[.failed[].path] == [".registryfs-get", ".registryfs-partial/x"] and .brought + .kept == 3' <<<"$output"
        run ! grep -r 'of the version' out/.registryfs-get out/.registryfs-partial
        assert_equal "$(cat out/good out/a/.registryfs-get out/.registryfs-get2 | wc -l)" 3
    done
    # The twin: in the cache they are as others.
    run -0 "$REGISTRYFS" warm --quiet o/wandb-registry-r/own
}

@test "no symlink in the directory is followed, whatever is planted there" {
    mkdir outside out
    printf 'precious\n' >outside/precious
    ln -s ../outside out/a
    ln -s ../outside/precious out/README.md
    get 33 --no-cache "$SOURCE" out
    [[ $(ls -A outside) == precious && $(cat outside/precious) == precious ]]
    [[ $stderr == *a/copy.md:* && $stderr == *README.md:* ]]
    rm out/a
    get 0 --no-cache --overwrite "$SOURCE" out
    holds out
    [[ ! -L out/README.md && $(cat outside/precious) == precious ]]

    mkdir planted
    ln -s ../outside planted/.registryfs-partial
    get 2 --no-cache "$SOURCE" planted
    rm planted/.registryfs-partial planted/.registryfs-get
    ln -s ../outside/precious planted/.registryfs-get
    get 2 --no-cache "$SOURCE" planted
    rm planted/.registryfs-get
    mkdir planted/.registryfs-partial
    ln -s ../../outside/precious "planted/.registryfs-partial/$(printf 'hello\n' | md5sum | cut -c 1-32)"
    get 33 --no-cache "$SOURCE" planted
    [[ $(ls -A outside) == precious && $(cat outside/precious) == precious ]]
}

@test "a disk without room is said before anything is fetched" {
    mkdir disk
    mount -t tmpfs -o size=2m none disk
    get 2 --no-cache "$SOURCE" disk/out
    [[ $stderr == *"bytes are to come"*--exclude* && $(stored_bytes) == 0 ]] || fail "$stderr"
    get 0 --no-cache --exclude 'model*' "$SOURCE" disk/out
    mount -o remount,size=8m none disk
    get 0 --no-cache "$SOURCE" disk/out
    holds disk/out
    mount -o remount,ro none disk
    get 0 --no-cache --dry-run "$SOURCE" disk/out
    get 2 --no-cache "$SOURCE" disk/out
    umount disk
}

@test "a signal ends it soon and keeps what has come; 128 and its number" {
    local pair pid status
    fault_on_storage drip '{"bytes_per_second": 700000}'
    for pair in TERM:143 INT:130 HUP:129; do
        rm -rf out
        # Not ignored, as it would be for a background process of a script.
        env --default-signal=INT "$REGISTRYFS" get --no-cache o/wandb-registry-r/large out >out.log 2>&1 &
        pid=$!
        eventually 100 has_grown 0 "$pid"
        kill -"${pair%:*}" "$pid"
        wait_for_end "$pid" 20
        status=0
        wait "$pid" || status=$?
        [[ $status == "${pair#*:}" ]] || fail "$pair: $status: $(cat out.log)"
        (($(partial_size) > 0)) || fail "nothing was kept"
        [[ ! -e out/large.bin ]]
    done
}

@test "of two at once one waits, and finds everything there" {
    "$REGISTRYFS" get --no-cache "$SOURCE" out >one 2>&1 &
    local pid=$!
    get 0 --no-cache "$SOURCE" out
    wait "$pid"
    holds out
    [[ $(stored_bytes) -lt 3001000 ]] || fail "$(stored_bytes)"
}

@test "a choice of files; what would be done; nothing else in the directory" {
    get 0 --no-cache --include '*.md' --exclude 'a/*' "$SOURCE" out
    [[ $(cd out && find . -type f | sort | xargs) == "./.registryfs-get ./README.md" ]]
    get 1 --include nothing "$SOURCE" out
    get 0 --no-cache --dry-run --json "$SOURCE" out
    jq -e '[.missing[].path] == ["a/b/50%2520.txt", "a/copy.md", "empty", "model.bin"] and .kept == 1' <<<"$output"
    get 0 --no-cache --dry-run "$SOURCE" absent
    [[ ! -e absent && $stderr == *"model.bin would be fetched"* ]]

    mkdir -p out/old/deep mine
    touch out/old/deep/file out/link mine/precious
    ln -sf ../mine out/old/link
    get 0 --no-cache --quiet --exact "$SOURCE" out
    [[ -z $stderr ]]
    holds out
    [[ ! -e out/old && ! -e out/link && -e mine/precious ]]
    # Not where somebody else's files are.
    get 2 --no-cache --exact "$SOURCE" mine
    [[ -e mine/precious && ! -e mine/README.md && $stderr == *--exact* ]]
    # One version after the other.
    get 0 --no-cache --exact --overwrite o/wandb-registry-r/c:v0 out
    [[ $(cd out && find . -type f | sort | xargs) == "./.registryfs-get ./README.md" ]]
}

@test "many small files: as many requests as pages of their list, and no second request for a URL" {
    local files=${FILES:-300}
    get 0 --no-cache --json o/wandb-registry-r/many out
    jq -e --argjson files "$files" '.brought == $files and .failed == []' <<<"$output"
    holds out many
    [[ $(find out -name '*.txt' | wc -l) == "$files" ]]
    assert_requests_at_most $(((files + 999) / 1000 + 7))
    printf 'other\n' >out/7/7.txt
    get 0 --no-cache --json --overwrite o/wandb-registry-r/many out
    jq -e --argjson files "$files" '.kept == $files - 1 and .brought == 1' <<<"$output"
    holds out many
}

# How many bytes the commands have read, by the kernel's count, which has that of children that have ended.
bytes_read() {
    sh -c '"$@" >/dev/null 2>&1; sed -n "s/^rchar: //p" /proc/$$/io' - "$@"
}

@test "what is recorded as right is not read again, unless it looks otherwise" {
    local again=("$REGISTRYFS" get --no-cache o/wandb-registry-r/large out) large=${LARGE_BYTES:-12000000}
    get 0 --no-cache o/wandb-registry-r/large out
    [[ $(bytes_read "${again[@]}") -lt $((large / 2)) ]]
    touch out/large.bin
    [[ $(bytes_read "${again[@]}") -gt $large ]]
    [[ $(bytes_read "${again[@]}") -lt $((large / 2)) ]]
    # Another file in its place, with its size and its time.
    head -c "$large" /dev/zero >out/other
    touch -r out/large.bin out/other
    mv out/other out/large.bin
    get 33 --no-cache o/wandb-registry-r/large out
}

# Do the partial files in $1 take $2 bytes of the disk?
reserved() {
    local size
    size=$(du -s --block-size=1 "$1/.registryfs-partial" 2>/dev/null | cut -f 1) || return
    ((${size:-0} >= $2))
}

@test "a disk that becomes full ends all, 2; with room again it goes on" {
    mkdir disk
    mount -t tmpfs -o size=12m none disk
    # Nothing comes before the disk is full, from wherever.
    fault_on_storage hang '{}'
    fault_on_storage hang '{"target": "artifacts"}'
    "$REGISTRYFS" get --no-cache --jobs 1 o/wandb-registry-r/three disk/out >out.log 2>err.log &
    local pid=$! status=0
    eventually 100 reserved disk/out 3000000
    head -c 12M /dev/zero >disk/other 2>/dev/null || true
    control DELETE /faults
    wait "$pid" || status=$?
    [[ $status == 2 && $(cat err.log) == *"No space left"* ]] || fail "$status: $(cat err.log)"
    # What had its room came; nobody tried the third after the second had failed.
    [[ $(find disk/out -name '*.bin' | wc -l) == 1 && $(grep -c '^registryfs: .*\.bin: ' err.log) == 1 ]] || fail "$(cat err.log)"
    rm disk/other
    get 0 --no-cache o/wandb-registry-r/three disk/out
    holds disk/out three
    umount disk
}

@test "a key that is refused on the way ends all, 32, and so does a version that is gone; a file that is gone does not" {
    "$REGISTRYFS" resolve -o list o/wandb-registry-r/three
    reset_counts
    fault unauthorized_text
    get 32 --no-cache --jobs 1 --resolved list out
    [[ $(grep -c '^registryfs: .*\.bin: ' <<<"$stderr") == 1 && -z $(find out -name '*.bin') ]] || fail "$stderr"
    control DELETE /faults
    get 0 --no-cache --jobs 1 --resolved list out
    holds out three

    jq --arg id "$(printf Artifact:99999 | base64)" '.version = 99 | .id = $id' list >gone
    get 32 --no-cache --jobs 1 --resolved gone away
    [[ $(grep -c '^registryfs: .*\.bin: ' <<<"$stderr") == 1 ]] || fail "$stderr"
    jq '.files += [.files[0] + {path: "0.away", md5: ("0" * 32)}]' list >longer
    get 33 --no-cache --jobs 1 --resolved longer others
    [[ $stderr == *0.away:* ]]
    holds others three
}

@test "on a terminal one line tells how far it is, and what fails does not stand in it" {
    fault_on_storage wrong_bytes '{"offset": 100000, "count": 8, "operation": "0.bin"}'
    fault_on_storage drip '{"bytes_per_second": 1500000}'
    COLUMNS=200 script -qec "stty cols 200; '$REGISTRYFS' get --no-cache o/wandb-registry-r/three out" typed >/dev/null || true
    control DELETE /faults
    tr '\r' '\n' <typed | sed 's/\x1b\[K//g' >lines
    grep -qE '^registryfs: [0-9]+ %, .* of 8\.6 MiB, .*/s.*, [0-3] of 3 files$' lines || fail "$(cat -v typed)"
    grep -qE '^20[^ ]+ registryfs warning: 0\.bin: ' lines || fail "$(cat -v typed)"
    [[ $(grep -c '^registryfs: 0\.bin: ' lines) == 1 ]]
    # Not on a terminal: lines, and none that is renewed.
    get 0 --no-cache o/wandb-registry-r/three lines.out
    [[ $stderr != *$'\r'* && $stderr == *"100 %"*"3 of 3 files" ]] || fail "$stderr"
}

@test "references to other storage are passed over, or fail" {
    get 0 --no-cache o/wandb-registry-r/links out
    [[ $(cat out/here.txt) == here && ! -e out/there.bin && $stderr == *"1 references"* ]]
    get 33 --no-cache --references fail o/wandb-registry-r/links out
    [[ $stderr == *"there.bin: it is a reference to s3://bucket/there.bin"* ]]
}

@test "references to other versions are followed, by the mount's way" {
    local usual=$SANDBOX_DIR name
    sandbox_start sample
    get 0 --no-cache acme/wandb-registry-dataset/links:latest out
    mount_start acme/wandb-registry-dataset/links:latest
    for name in config.json by-client-id.json README.md; do
        cmp "$MNT/$name" "out/$name"
    done
    [[ ! -e out/web/paper.pdf && $stderr == *"references to other storage were passed over"* ]]
    mount_stop
    sandbox_stop
    sandbox_use "$usual"
}

@test "a list of files that resolve has written goes as well" {
    "$REGISTRYFS" resolve -o list "$SOURCE"
    get 0 --no-cache --resolved list out
    [[ $output == "$PINNED" ]]
    holds out
}

@test "exit statuses: usage, local, source, credentials, storage" {
    get 1 out
    get 1 "$SOURCE" out more
    get 1 --jobs 0 "$SOURCE" out
    get 1 --ttl 5 "$SOURCE" out
    get 32 o/wandb-registry-r/nothing out
    get 32 o/r out
    WANDB_API_KEY=0000000000000000000000000000000000000000 get 32 "$SOURCE" out
    [[ ! -e out ]]
    get 2 --no-cache "$SOURCE" no/such/parent
    touch file
    get 2 --no-cache "$SOURCE" file
    control POST /faults '{"target": "storage", "operation": "*", "kind": "status", "status": 403, "times": -1}' >/dev/null
    control POST /faults '{"target": "artifacts", "operation": "*", "kind": "status", "status": 403, "times": -1}' >/dev/null
    get 32 --no-cache "$SOURCE" out
    [[ -z $(find out -name '*.md') ]]
}
