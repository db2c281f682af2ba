#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# --content-proxy: Debian's nginx and squid, with the configurations that are shipped, between mounts and a store behind TLS
# that checks signatures, lets them expire and counts bytes.

load lib/helpers
load lib/content_proxy

BIG_SIZE=13643776 # three slices of 4 MiB and a part of one

setup_file() {
    suite_setup
    make_certificate
    export SSL_CERT_FILE=$SUITE_DIR/tls.crt
    sandbox_start large --tls-cert "$SUITE_DIR/tls.crt" --tls-key "$SUITE_DIR/tls.key" --param registries=1 \
        --param collections=1 --param versions=1 --param files=16 --param file_bytes=600000 --param "big_bytes=$BIG_SIZE"
    export BIG_HASH SMALL_HASH
    BIG_HASH=$(server_hash big.bin)
    SMALL_HASH=$(server_hash d0/s0/f000000.bin)
}

setup() {
    test_setup
    export FILES=large/r0/collections/c0/versions/v0/files
    control POST /url_life '{"seconds": 3600}' >/dev/null
}

teardown() {
    local failed=0
    proxies_stop || failed=1
    test_teardown || failed=1
    return $failed
}

server_hash() {
    control GET /state | jq -r --arg path "$1" '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == $path).sha256'
}

# mount_through LIST [OPTION…]
mount_through() {
    local list=$1
    shift
    mount_start --no-cache --content-proxy "$list" "$@"
}

# mounts N LIST [OPTION…]: all at once; their mountpoints in array `all`.
mounts() {
    local count=$1 i
    shift
    all=()
    for ((i = 0; i < count; i++)); do
        mount_through "$@"
        all+=("$MNT")
    done
}

# The SHA-256 of file $1 of the version, once it can be read: who was shown wrong bytes has to open it again. In file $2,
# after how many times.
read_until_right() {
    local tries
    for tries in 1 2 3; do
        ! sha256sum <"$1" 2>/dev/null | cut -d ' ' -f 1 >"$2" || break
    done
    printf '%s\n' "$tries" >>"$2"
}

# All mounts read $1 at the same time; each result in $TEST_DIR/result.N.
all_read() {
    local i readers=()
    for i in "${!all[@]}"; do
        read_until_right "${all[i]}/$FILES/$1" "$TEST_DIR/result.$i" 3>&- &
        readers+=($!)
    done
    wait "${readers[@]}"
}

assert_all_right() {
    local i
    for i in "${!all[@]}"; do
        [[ $(head -n 1 "$TEST_DIR/result.$i") == "$1" ]] || fail "mount $i: $(cat "$TEST_DIR/result.$i")" || return
    done
}

# What the store has sent of contents, in hundredths of $1 bytes.
share_at_store() {
    control GET /counts | jq --argjson size "$1" '.storage.bytes * 100 / $size | floor'
}

# The requests of the store for contents.
content_requests() {
    control GET '/requests?last=2000&target=storage' | jq -c '[.[] | select(.operation != "wandb_manifest.json")]'
}

# Neither proxy nor mount writes down a signature.
assert_no_signature() {
    local found
    found=$(grep -rlE 'X-Signature|X-Nonce' "$TEST_DIR" --include=log --include='*.log' || true)
    [[ -z $found ]] || fail "signatures in $found"
}

@test "eight mounts read the store once; it sees no key, cookie or header of theirs" {
    nginx_configure cache
    nginx_start cache
    export WANDB_X_EXTRA_HTTP_HEADERS='{"X-Team": "a", "Cookie": "b=c"}'
    mounts 8 "unix:$TEST_DIR/cache/socket" --log-level debug --content-proxy-header 'X-Task: %i' \
        --content-proxy-header 'Cache-Key: s3cret-word'
    reset_counts
    all_read big.bin
    assert_all_right "$BIG_HASH"
    (($(share_at_store "$BIG_SIZE") <= 105)) || fail "$(control GET /counts)"
    content_requests >requests
    [[ $(jq length requests) -ge 4 ]]
    assert_equal "$(jq '[.[].headers | keys[] | select(test("^(x-|cookie|authorization|cache-key|user-agent)"))] | length' requests)" 0
    assert_equal "$(control GET /counts | jq .storage.authorized)" 0
    # Of the eighth mount: all of it came from the cache.
    grep -q "^content_proxy: ready, $BIG_SIZE bytes, 0 errors: unix:$TEST_DIR/cache/socket\$" "$MNT/.registryfs/status"
    grep -q "^registryfs_content_proxy_bytes_total{member=\"unix:$TEST_DIR/cache/socket\"} $BIG_SIZE\$" \
        "$MNT/.registryfs/metrics"
    "$REGISTRYFS" --status "$MNT" --json | jq -e --argjson size "$BIG_SIZE" \
        '.content_proxies == [{member: .content_proxies[0].member, state: "ready", bytes: $size, errors: 0}]'
    assert_no_signature
    run ! grep -rq 's3cret-word' "$TEST_DIR" --include=log --include='*.log'
    grep -q "GET https://127.0.0.1:[0-9]* md5-[0-9a-f]*-$BIG_SIZE by unix:" "$LOG"
}

@test "what is read ahead lies within slices" {
    nginx_configure cache
    nginx_start cache
    mount_through "unix:$TEST_DIR/cache/socket"
    cat "$MNT/$FILES/big.bin" >/dev/null
    # One answer a request: none crosses a multiple of 4 MiB but where the kernel asked for it.
    awk -F'"' '{ split(substr($6, 7), at, "-"); crossed += int(at[1] / 4194304) != int(at[2] / 4194304) }
        END { exit NR == 0 || crossed > 1 }' "$TEST_DIR/cache/access.log" || fail "$(cat "$TEST_DIR/cache/access.log")"
}

@test "two caches: each content is fetched by one of them" {
    local file size=9600000
    nginx_configure one
    nginx_configure two
    nginx_start one
    nginx_start two
    mounts 2 "unix:$TEST_DIR/one/socket|unix:$TEST_DIR/two/socket"
    # The order of a list tells who writes it, not who is asked.
    mount_through "unix:$TEST_DIR/two/socket|unix:$TEST_DIR/one/socket"
    all+=("$MNT")
    reset_counts
    for file in "${all[@]}"; do
        cat "$file/$FILES"/d0/s0/*.bin >/dev/null
    done
    (($(share_at_store $size) <= 105)) || fail "$(control GET /counts)"
    [[ -s $TEST_DIR/one/access.log && -s $TEST_DIR/two/access.log ]]
}

@test "URLs that expire midway are renewed" {
    nginx_configure cache
    nginx_start cache
    control POST /url_life '{"seconds": 4}' >/dev/null
    mount_through "unix:$TEST_DIR/cache/socket"
    reset_counts
    exec {file}<"$MNT/$FILES/big.bin"
    head -c 1000000 <&"$file" >start
    sleep 5
    cat <&"$file" >rest
    exec {file}<&-
    assert_equal "$(cat start rest | sha256sum | cut -d ' ' -f 1)" "$BIG_HASH"
    (($(control GET /counts | jq .storage.denied) > 0)) || fail "no URL has expired"
    (($(share_at_store "$BIG_SIZE") <= 105)) || fail "$(control GET /counts)"
}

# Kills the cache when the mount has read a part of the file, which the store sends slowly.
kill_midway() {
    control POST /faults '{"kind": "drip", "target": "storage", "operation": "big.bin", "times": -1,
        "bytes_per_second": 4000000}' >/dev/null
    cat "$MNT/$FILES/big.bin" >copy 2>error 3>&- &
    READER=$!
    some_came() { (($(status_value content_from_network) > 4000000)); }
    eventually 60 some_came
    nginx_kill cache
    control DELETE /faults >/dev/null
}

@test "a cache that is killed midway: without DIRECT nothing goes to the store" {
    local requests status=0
    nginx_configure cache
    nginx_start cache
    mount_through "unix:$TEST_DIR/cache/socket"
    kill_midway
    requests=$(content_requests | jq length)
    wait "$READER" || status=$?
    [[ $status != 0 ]] || fail "it was read without a cache"
    grep -q ': No route to host$\|: Input/output error$' error || fail "$(cat error)"
    assert_equal "$(content_requests | jq length)" "$requests"
    grep -q '^content_proxy: resting, ' "$MNT/.registryfs/status"
    # When it is back, and has rested, it is asked again.
    nginx_start cache
    is_right() { [[ $(sha256sum <"$MNT/$FILES/big.bin") == "$BIG_HASH"* ]]; }
    eventually 120 is_right
    grep -q '^content_proxy: ready, ' "$MNT/.registryfs/status"
}

@test "a cache that is killed midway: with DIRECT the rest comes from the store" {
    nginx_configure cache
    nginx_start cache
    mount_through "unix:$TEST_DIR/cache/socket;DIRECT"
    kill_midway
    wait "$READER" || fail "$(cat error)"
    assert_equal "$(sha256sum <copy | cut -d ' ' -f 1)" "$BIG_HASH"
    [[ $(sed -n 's/^content_proxy: ready, \([0-9]*\) bytes, 0 errors: DIRECT$/\1/p' "$MNT/.registryfs/status") -gt 0 ]]
    grep -q '^registryfs_content_proxy_up{member="DIRECT"} 1$' "$MNT/.registryfs/metrics"
}

# A member that sends a byte now and then, of a head that never ends; its port in PORT, its process in DRIPPING.
start_dripping() {
    exec {dripping}< <(exec python3 -c '
import socketserver, time
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.wfile.write(b"HTTP/1.1 206 x\r\n")
            while True:
                self.wfile.write(b"X-A: b\r\n")
                time.sleep(0.5)
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()' 3>&-)
    DRIPPING=$!
    read -r PORT <&"$dripping"
}

@test "a member that drips is silent: the next one is asked" {
    nginx_configure cache
    nginx_start cache
    start_dripping
    mount_through "http://127.0.0.1:$PORT;unix:$TEST_DIR/cache/socket"
    run -0 within 120000 sha256sum "$MNT/$FILES/d0/s0/f000000.bin"
    kill "$DRIPPING"
    exec {dripping}<&-
    assert_equal "${output%% *}" "$SMALL_HASH"
    grep -q "^content_proxy: resting, 0 bytes, [1-9][0-9]* errors: http://127.0.0.1:$PORT\$" "$MNT/.registryfs/status"
}

# nginx passes on what has come of a slice, and ends there.
@test "one cache alone: an answer that is cut is taken up there, and the store is asked for nothing twice" {
    nginx_configure cache
    nginx_start cache
    control POST /faults '{"kind": "cut", "target": "storage", "operation": "big.bin", "times": 1, "after_bytes": 1000000}' >/dev/null
    mount_through "unix:$TEST_DIR/cache/socket"
    reset_counts
    assert_equal "$(sha256sum <"$MNT/$FILES/big.bin" | cut -d ' ' -f 1)" "$BIG_HASH"
    assert_equal "$(control GET /faults | jq '.[0].hits')" 1
    (($(share_at_store "$BIG_SIZE") <= 140)) || fail "$(control GET /counts)"
}

@test "one wrong answer of the store: all read again by another name, and share that, too" {
    nginx_configure cache
    nginx_start cache
    mounts 8 "unix:$TEST_DIR/cache/socket"
    reset_counts
    control POST /faults '{"kind": "wrong_bytes", "target": "storage", "operation": "big.bin", "times": 1,
        "offset": 1000, "count": 3}' >/dev/null
    all_read big.bin
    assert_all_right "$BIG_HASH"
    assert_equal "$(control GET /faults | jq '.[0].hits')" 1
    (($(share_at_store "$BIG_SIZE") <= 210)) || fail "$(control GET /counts)"
    # A copy is compared before it gets its name, so that it is read again by itself.
    run -0 "$REGISTRYFS" get --quiet --no-cache --content-proxy "unix:$TEST_DIR/cache/socket" --include big.bin \
        large/wandb-registry-r0/c0:v0 copy
    assert_equal "$(sha256sum <copy/big.bin | cut -d ' ' -f 1)" "$BIG_HASH"
    (($(share_at_store "$BIG_SIZE") <= 210)) || fail "$(control GET /counts)"
    run ! grep -q -- "-$BIG_SIZE\.2\"" "$TEST_DIR/cache/access.log"
    # A small file is shown when it is right: its readers notice nothing.
    control POST /faults '{"kind": "wrong_bytes", "target": "storage", "operation": "d0/s0/f000000.bin", "times": 2,
        "offset": 1000, "count": 3}' >/dev/null
    all_read d0/s0/f000000.bin
    assert_all_right "$SMALL_HASH"
    [[ $(tail -qn 1 "$TEST_DIR"/result.* | sort -u) == 1 ]]
    grep -q -- '-600000\.2"' "$TEST_DIR/cache/access.log"
}

# A version's file as the server lists it, for those who ask themselves.
look_up() {
    local node
    node=$(graphql 'query A { project(entityName: "large-entity", name: "wandb-registry-r0") {
            artifactCollectionMembership(name: "c0:v0") { artifact { files(first: 100) {
                edges { node { displayName directUrl md5 sizeBytes } } } } } } }' |
        jq -c --arg name "$1" '.data.project.artifactCollectionMembership.artifact.files.edges[].node | select(.displayName == $name)')
    export CONTENT_ID
    URL=$(jq -r .directUrl <<<"$node")
    CONTENT_ID=md5-$(jq -r .md5 <<<"$node" | base64 -d | od -An -tx1 | tr -d " \n")-$(jq -r .sizeBytes <<<"$node")
}

@test "the configuration: only signed URLs of the bucket are fetched" {
    local bad own query store=${STORAGE_URL#https://}
    nginx_configure cache
    nginx_start cache
    look_up big.bin
    assert_equal "$(ask cache "$URL")" 206
    assert_equal "$(wc -c <answer)" 10
    query=${URL#*\?} own=${CONTROL_URL#http://}
    reset_counts
    for bad in "https://$own/counts?$query" "https://127.0.0.1/sandbox-bucket/1/0/x?$query" \
        "https://localhost:${store#*:}/sandbox-bucket/1/0/x?$query" "https://[::1]/sandbox-bucket/1/0/x?$query" \
        "http://169.254.169.254/sandbox-bucket/x?$query" "https://store.example/sandbox-bucket/x?$query" \
        "https://$store/other-bucket/1/0/x?$query" "https://$store/sandbox-bucket?$query" "https://$store/?$query" \
        "https://$store/sandbox-bucket/../other/x?$query" "https://$store/sandbox-bucket/1/..?$query" \
        "https://$store/sandbox-bucket/%2e%2e/other/x?$query" "https://$store/sandbox-bucket/..%2fother/x?$query" \
        "https://$store/sandbox-bucket/..%5cother/x?$query" "https://$store/../sandbox-bucket/x?$query" \
        "https://$store/sandbox-bucket/./x?$query" "${URL%%\?*}"; do
        [[ $(ask cache "$bad") =~ ^(400|421)$ ]] || fail "$bad: $(ask cache "$bad")" || return
    done
    # The header says what the request line does not.
    assert_equal "$(ASKED_HOST=$store ask cache "https://store.example/${URL#https://*/}")" 421
    assert_equal "$(CONTENT_ID='' ask cache "$URL")" 400
    assert_equal "$(CONTENT_ID=md5-x-1 ask cache "$URL")" 400
    assert_equal "$(ASKED_RANGE='' ask cache "$URL")" 400
    assert_equal "$(ask cache "$URL" -X POST)" 405
    [[ $(ask cache "$store" -X CONNECT) =~ ^(400|405)$ ]]
    assert_equal "$(control GET /counts | jq '.storage.gets + .storage.heads')" 0
    # What the others were told apart by was not the store's, but what was asked.
    assert_equal "$(ask cache "$URL")" 206
    assert_no_signature
}

@test "the configuration for tenants that do not trust each other" {
    nginx_configure open
    nginx_configure careful 's,# ask: ,,'
    nginx_start open
    nginx_start careful
    control POST /url_life '{"seconds": 3}' >/dev/null
    look_up big.bin
    assert_equal "$(ask open "$URL")" 206
    assert_equal "$(ask careful "$URL")" 206
    sleep 4
    # Both have the slice; the URL is nobody's any more.
    assert_equal "$(ask open "$URL")" 206
    assert_equal "$(ask careful "$URL")" 403
    control POST /url_life '{"seconds": 3600}' >/dev/null
    mounts 4 "unix:$TEST_DIR/careful/socket"
    reset_counts
    all_read big.bin
    assert_all_right "$BIG_HASH"
    (($(share_at_store "$BIG_SIZE") <= 105)) || fail "$(control GET /counts)"
}

refused() {
    run -1 "$REGISTRYFS" "$@" "$TEST_DIR/none"
    assert_equal "${#lines[@]}" 1
}

@test "the options: what is no list or no header is refused, the environment's list is one" {
    mkdir none
    refused --content-proxy cache:3129
    [[ $output == *cache:3129*http://HOST:PORT* ]]
    refused --content-proxy ''
    refused --content-proxy http://a --content-proxy-header 'Authorization: Basic abcdefgh'
    [[ $output == *Authorization* && $output != *abcdefgh* ]]
    REGISTRYFS_CONTENT_PROXY=cache:3129 refused
    REGISTRYFS_CONTENT_PROXY=http://127.0.0.1:1 mount_start --no-cache
    assert_equal "$(grep -c '^content_proxy: ready, 0 bytes, 0 errors: http://127.0.0.1:1$' "$MNT/.registryfs/status")" 1
    mount_stop
    # The option has precedence; DIRECT alone is as without.
    REGISTRYFS_CONTENT_PROXY=http://127.0.0.1:1 mount_start -o no_cache,content_proxy=DIRECT
    assert_equal "$(sha256sum <"$MNT/$FILES/d0/s0/f000000.bin" | cut -d ' ' -f 1)" "$SMALL_HASH"
    assert_equal "$(grep -c '^content_proxy: ' "$MNT/.registryfs/status")" 1
}

@test "squid keeps whole files" {
    local size=600000 bad
    squid_start squid
    mounts 4 "http://127.0.0.1:$SQUID_PORT"
    reset_counts
    all_read d0/s0/f000000.bin
    assert_all_right "$SMALL_HASH"
    (($(share_at_store $size) <= 105)) || fail "$(control GET /counts)"
    reset_counts
    all_read big.bin
    assert_all_right "$BIG_HASH"
    (($(share_at_store "$BIG_SIZE") <= 105)) || fail "$(control GET /counts)"
    content_requests >requests
    assert_equal "$(jq -c '[.[].headers | keys[]] | unique' requests)" '["connection","host"]'
    look_up big.bin
    for bad in "https://localhost/sandbox-bucket/1/0/x?a" "https://${STORAGE_URL#*://}/other/1/0/x?a" \
        "https://${STORAGE_URL#*://}/sandbox-bucket/../other/x?a" "https://${STORAGE_URL#*://}/sandbox-bucket/x"; do
        assert_equal "$(ask_squid "$bad")" 421
    done
    assert_equal "$(CONTENT_ID='' ask_squid "$URL")" 400
    assert_equal "$(ask_squid "$URL" -X POST)" 405
    assert_equal "$(ask_squid "$URL")" 206
    assert_no_signature
}
