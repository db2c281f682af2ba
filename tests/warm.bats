#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `warm`: a version in the cache before anybody reads it, and what stays there.

load lib/helpers

setup_file() {
    suite_setup
    jq -n '{users: [{username: "ada", key: ("k" * 40), organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: [{path: "README.md", text: "hello\n"}, {path: "empty", text: ""},
                {path: "model.bin", random: {seed: 7, size: 3000001}}]}]},
            {name: "others", versions: [{files: [range(5) | {path: "\(.).bin", random: {seed: (. + 20), size: 3000000}}]}]}
            ]}]}]}' >seed.json
    sandbox_start "$SUITE_DIR/seed.json"
    SOURCE=o/wandb-registry-r/c:v0
    PINNED=$("$REGISTRYFS" resolve "$SOURCE")
    export SOURCE PINNED
}

# warm STATUS WORD…: its output in $output and $stderr.
warm() {
    local wanted=$1
    shift
    run --separate-stderr -- within 100000 "$REGISTRYFS" warm "$@"
    [[ $status -eq $wanted ]] || fail "exit status $status, not $wanted: $output $stderr"
}

stored_bytes() {
    control GET /counts | jq .storage.bytes
}

# read_all SOURCE [OPTION…]: how many bytes the storage had to give for it.
read_all() {
    local source=$1
    shift
    reset_counts
    mount_start "$@" "$source" || return
    cat "$MNT"/* >/dev/null || return
    mount_stop || return
    stored_bytes
}

@test "a version that is warm is read without the storage; warm again fetches nothing" {
    warm 0 "$SOURCE"
    [[ $output == "$PINNED" && $(stored_bytes) -ge 3000001 ]]
    assert_equal "$(read_all "$SOURCE")" 0
    reset_counts
    warm 0 --json --quiet "$SOURCE"
    jq -e '.failed == [] and .bytes_fetched == 0 and .brought == 3 and .exit == 0' <<<"$output"
    [[ $(stored_bytes) == 0 && -z $stderr ]]
    warm 0 "$SOURCE"
    [[ $stderr == *'100 %'* ]] || fail "$stderr"
    # The twin: another cache is cold.
    [[ $(read_all "$SOURCE" --cache-dir "$TEST_DIR/other") -ge 3000001 ]]
}

@test "only some files" {
    warm 0 --include '*.md' "$SOURCE"
    [[ $(stored_bytes) -lt 1000 ]]
    [[ $(read_all "$SOURCE") -ge 3000001 ]]
}

@test "what is pinned stays when others need its room, and goes when it is not pinned any more" {
    local cache=(--cache-dir "$TEST_DIR/cache" --cache-size 10M)
    warm 0 "${cache[@]}" --pin "$SOURCE"
    warm 0 "${cache[@]}" --list
    [[ $output =~ ^20[0-9-]+T[0-9:]+Z\ 3000007\ $PINNED$ ]] || fail "$output"
    read_all o/wandb-registry-r/others "${cache[@]}" >/dev/null
    assert_equal "$(read_all "$SOURCE" "${cache[@]}")" 0

    warm 0 "${cache[@]}" --unpin "$PINNED"
    warm 0 "${cache[@]}" --list
    [[ -z $output ]]
    warm 2 "${cache[@]}" --unpin "$PINNED"
    [[ $stderr == *"not pinned"* ]]
    read_all o/wandb-registry-r/others "${cache[@]}" >/dev/null
    [[ $(read_all "$SOURCE" "${cache[@]}") -ge 3000001 ]]
}

@test "what has no room beside the pins is refused before anything is fetched" {
    local cache=(--cache-dir "$TEST_DIR/cache" --cache-size 18M)
    warm 0 "${cache[@]}" --pin=30 "$SOURCE"
    reset_counts
    warm 2 "${cache[@]}" --pin o/wandb-registry-r/others
    [[ $stderr == *--cache-size*--unpin* && $(stored_bytes) == 0 ]] || fail "$stderr"
    warm 2 "${cache[@]}" o/wandb-registry-r/others
    warm 0 "${cache[@]}" --list
    [[ $output == *" $PINNED" && ${#lines[@]} == 1 ]] || fail "$output"
    # The same version once more takes no room of its own.
    warm 0 "${cache[@]}" --pin "$SOURCE"
    warm 0 --cache-dir "$TEST_DIR/cache" --cache-size 40M --pin o/wandb-registry-r/others
}

@test "a pin ends with its time" {
    local cache=(--cache-dir "$TEST_DIR/cache") file
    warm 0 "${cache[@]}" --pin=1 "$SOURCE"
    file=$(echo "$TEST_DIR"/cache/pins/*)
    [[ -f $file && $(stat -c %a "$file") == 600 ]]
    sed -i '2s/.*/1000000000/' "$file"
    warm 0 "${cache[@]}" --list
    [[ -z $output && ! -e $file ]]
    printf 'nonsense\n' >"$file"
    warm 0 "${cache[@]}" --list
    [[ -z $output ]]
    warm 0 "${cache[@]}" --pin "$SOURCE"
}

@test "wrong bytes fail; once they are right, the same command succeeds" {
    control POST /faults '{"target": "any", "operation": "model.bin", "kind": "wrong_bytes",
        "offset": 100000, "count": 8, "times": -1}' >/dev/null
    warm 33 "$SOURCE"
    [[ $stderr == *model.bin:* ]]
    control DELETE /faults
    warm 0 "$SOURCE"
    assert_equal "$(read_all "$SOURCE")" 0
}

@test "exit statuses: usage, source, no cache" {
    warm 1
    warm 1 --no-cache "$SOURCE"
    warm 1 --pin=0 "$SOURCE"
    warm 1 --exact "$SOURCE"
    warm 32 o/wandb-registry-r/nothing
    warm 32 o/r
    run -1 "$REGISTRYFS" get --pin "$SOURCE" out
}
