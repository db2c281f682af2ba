#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What it costs to read one file by many, and in other orders than from start to end: compared with
# one pass from start to end in the same test. Requests to the storage take a while; each order reads
# a mount of its own with an empty cache.

load lib/helpers
# shellcheck source=tests/lib/reading.bash
source "$ROOT/tests/lib/reading.bash"

DELAY_MS=60

setup_file() {
    suite_setup
    jq -n --argjson size $((32 << 20)) \
        '{users: [{username: "ada", key: ("5a" * 20), organizations: {o: "admin"}}],
          organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: ([{path: "big.bin", random: {seed: 1, size: $size}}] + [range(60) | {path: "shard\(.).bin", random: {seed: (. + 3), size: (600000 + . * 25000)}}])}]}]}]}]}' \
        >"$SUITE_DIR/seed.json"
    sandbox_start "$SUITE_DIR/seed.json" --large-in-memory yes
}

setup() {
    test_setup
    export FILES=o/r/collections/c/versions/v0/files
    export BIG=$FILES/big.bin
    control POST /delay "{\"ms\": $DELAY_MS, \"target\": \"storage\"}" >/dev/null
}

# The hash of big.bin, as the server computes it.
big_hash() {
    control GET /state | jq -r '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == "big.bin").sha256'
}

# The pass from start to end that an order is compared with.
forward_pass() {
    read_cost "$@" forward "$BIG"
    FORWARD=$COST
    [[ $(cost fetched) == $((32 << 20)) ]] || fail "forward: $COST"
}

# assert_cost TIMES WHAT: what came is right, for at most so many times the pass's GETs and 1.1 times
# its bytes. Each GET takes a while, so that few of them are few that a reader waits for.
assert_cost() {
    local hash
    hash=$(big_hash)
    jq -ne --argjson cost "$COST" --argjson forward "$FORWARD" --arg hash "$hash" --argjson times "$1" '
        ($cost.sha256 == null or $cost.sha256 == $hash) and $cost.gets <= $times * $forward.gets
        and $cost.fetched <= 1.1 * $forward.fetched' >/dev/null || fail "$2: $COST, forward: $FORWARD"
}

@test "many readers of one file cost what one costs" {
    forward_pass
    local order
    for order in '--readers 4' '--readers 4 --shared' '--readers 8 --mapped'; do
        # shellcheck disable=SC2086  # options
        read_cost readers "$BIG" $order
        assert_cost 2 "$order"
    done
}

@test "the same without a disk cache" {
    forward_pass --mount --no-cache
    read_cost --mount --no-cache readers "$BIG" --readers 6
    assert_cost 2 'six readers'
}

@test "pieces of a mapping in any order" {
    forward_pass
    read_cost shuffle "$BIG" --mapped --piece $((4 << 20))
    assert_cost 2 'shuffled pieces of 4 MiB'
    read_cost tensors "$BIG"
    assert_cost 2 'copies of shuffled tensors'
}

@test "slices of a mapping without the kernel's read-ahead" {
    forward_pass
    read_cost advised "$BIG"
    assert_cost 2 'slices of 1 MiB'
}

@test "backward, by pieces and by small steps" {
    forward_pass
    read_cost backward "$BIG"
    assert_cost 2 'pieces of 1 MiB'
    read_cost backward "$BIG" --piece $((128 << 10))
    assert_cost 2 'steps of 128 KiB'
}

@test "several streams of one descriptor in turn, and forked workers with one" {
    forward_pass
    read_cost streams "$BIG" --readers 2
    assert_cost 2 'two streams'
    read_cost workers "$BIG" --readers 2
    assert_cost 2 'two workers'
}

@test "shuffled pieces without a disk cache" {
    forward_pass --mount --no-cache
    read_cost --mount --no-cache shuffle "$BIG" --piece $((1 << 20))
    assert_cost 2 'pieces of 1 MiB'
}

@test "small reads all over a file fetch little" {
    read_cost scattered "$BIG" --count 40
    [[ $(cost fetched) -le $((40 * 128 << 10)) ]] || fail "$COST"
    [[ $(cost gets) -le 40 ]] || fail "$COST"
}

@test "a look at the start of many files fetches little; who goes on gets the rest" {
    local shards
    mapfile -t shards < <(printf "$FILES/shard%d.bin\n" {0..59})
    control POST /delay '{"ms": 0, "target": "storage"}' >/dev/null
    read_cost sniff "${shards[@]}" --piece 4096
    [[ $(cost fetched) -le $((60 * 128 << 10)) ]] || fail "$COST"
    [[ $(cost gets) -le 60 ]] || fail "$COST"
    # The twin: a first read that is not small has the whole file with one request.
    read_cost forward "${shards[59]}"
    [[ $(cost gets) == 1 ]] || fail "$COST"
    # One who begins small and reads on has each byte once.
    mount_start
    reset_counts
    python3 -c 'import sys
with open(sys.argv[1], "rb", buffering=0) as stream:
    head = stream.read(8)
    rest = stream.read()
    assert len(head) + len(rest) == 600000' "$MNT/${shards[0]}"
    [[ $(control GET /counts | jq .storage.bytes) == 600000 ]]
    [[ $(control GET /counts | jq .storage.gets) -le 2 ]]
}
