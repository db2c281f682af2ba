#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Where the key is found (protocol 1.2 to 1.5), and that it never shows.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

# No credentials in the environment; $KEY is a good one.
setup() {
    test_setup
    KEY=$WANDB_API_KEY
    HOST=${WANDB_BASE_URL#http://}
    unset WANDB_API_KEY
    mkdir mountpoint
}

WRONG=0000000000000000000000000000000000000000

mounts_as() {
    mount_start || return
    assert_equal "$(status_value viewer)" "$1" || return
    mount_stop
}

schemes() {
    control GET '/requests?last=100' | jq -r '.[].headers.authorization_scheme? // empty' | sort -u
}

@test "the key in the environment" {
    WANDB_API_KEY=$KEY mounts_as ada
}

@test "netrc: host and port, host alone, default" {
    local machine
    for machine in "machine $HOST" "machine ${HOST%:*}" default; do
        printf '%s\n  login user\n  password %s\n' "$machine" "$KEY" >"$HOME/.netrc"
        chmod 600 "$HOME/.netrc"
        mounts_as ada
    done
}

@test "netrc: host and port win over host alone" {
    printf 'machine %s login user password %s\nmachine %s login user password %s\n' \
        "${HOST%:*}" "$WRONG" "$HOST" "$KEY" >"$HOME/.netrc"
    mounts_as ada
}

@test "netrc: \$NETRC, then ~/.netrc, then ~/_netrc" {
    printf 'machine %s login user password %s\n' "$HOST" "$KEY" >"$HOME/_netrc"
    mounts_as ada
    printf 'machine %s login user password %s\n' "$HOST" "$WRONG" >"$HOME/.netrc"
    refused 32 mountpoint
    printf 'machine %s login user password %s\n' "$HOST" "$KEY" >"$HOME/elsewhere"
    NETRC=$HOME/elsewhere mounts_as ada
    # The tilde is for the program to expand.
    # shellcheck disable=SC2088
    NETRC='~/elsewhere' mounts_as ada
}

@test "netrc: entries for others do not count" {
    printf 'machine example.com login user password %s\n' "$KEY" >"$HOME/.netrc"
    refused 32 mountpoint
}

@test "netrc: comments, macros, quotes, unusual layout" {
    printf '# a comment\nmacdef init\n  cd /pub\n\nmachine other password x\nmachine\n\t%s\nlogin "user"\npassword "%s"\n' \
        "$HOST" "$KEY" >"$HOME/.netrc"
    mounts_as ada
}

@test "no core is dumped that would hold the key" {
    ulimit -c unlimited
    WANDB_API_KEY=$KEY mount_start
    [[ $(sed -n 's/^Max core file size *//p' "/proc/$PID/limits") =~ ^0\ +0\  ]]
}

@test "the environment wins over netrc" {
    printf 'machine %s login user password %s\n' "$HOST" "$WRONG" >"$HOME/.netrc"
    WANDB_API_KEY=$KEY mounts_as ada
}

@test "a key file wins over the environment; blanks around the key do not matter" {
    printf '\n %s \n' "$KEY" >key
    export WANDB_API_KEY=$WRONG
    mount_start --api-key-file key
    mount_stop
    mount_start -o api_key_file="$PWD/key"
    mount_stop
}

@test "an empty key file is refused" {
    : >key
    refused 1 --api-key-file key mountpoint
    printf '\n' >key
    refused 1 --api-key-file key mountpoint
}

@test "keys of every kind are sent; blanks and control characters are not" {
    local key
    for key in "local-$WRONG" "wandb_v1_$(printf 'x%.0s' {1..77})" a.b.c short; do
        reset_counts
        WANDB_API_KEY=$key refused 32 mountpoint
        [[ $(graphql_count) -gt 0 ]] || fail "not asked with $key"
    done
    for key in 'with blank' $'line\nbreak' $'tab\t'; do
        reset_counts
        run -- env WANDB_API_KEY="$key" "$REGISTRYFS" mountpoint
        [[ $status -ne 0 ]]
        assert_requests 0
        assert_nothing_mounted
    done
}

@test "the base URL: settings files of the user and of the directory" {
    local url=$WANDB_BASE_URL
    unset WANDB_BASE_URL
    export WANDB_API_KEY=$KEY
    mkdir -p "$HOME/.config/wandb"
    printf '[default]\nbase_url = %s\n' "$url" >"$HOME/.config/wandb/settings"
    mounts_as ada
    mkdir elsewhere
    mv "$HOME/.config/wandb/settings" elsewhere/settings
    WANDB_CONFIG_DIR=$PWD/elsewhere mounts_as ada
    mkdir wandb
    mv elsewhere/settings wandb/settings
    mounts_as ada
    mkdir -p "$HOME/.config/wandb"
    printf '[default]\nbase_url = http://127.0.0.1:1\n' >"$HOME/.config/wandb/settings"
    mounts_as ada
}

@test "the base URL: the environment wins over settings, the option over both" {
    export WANDB_API_KEY=$KEY
    mkdir -p "$HOME/.config/wandb"
    printf '[default]\nbase_url = http://127.0.0.1:1\n' >"$HOME/.config/wandb/settings"
    mounts_as ada
    local url=$WANDB_BASE_URL
    WANDB_BASE_URL=http://127.0.0.1:1 mount_start --base-url "$url/"
    assert_equal "$(status_value base_url)" "$url"
}

# It may name the server: going on without it could send the key to another one.
@test "a settings file that is none is refused, with the line, unless the server is known otherwise" {
    local url=$WANDB_BASE_URL
    export WANDB_API_KEY=$KEY
    mkdir -p "$HOME/.config/wandb"
    printf '[default]\nhttp_proxy = http://127.0.0.1:1\nno value here\n' >"$HOME/.config/wandb/settings"
    WANDB_BASE_URL='' refused 1 mountpoint
    [[ $stderr == *settings*line\ 3* && $stderr == *WANDB_BASE_URL* ]]
    mounts_as ada
    grep -q 'settings are passed over: .*line 3' "$LOG"
    mount_start --base-url "$url"
    mount_stop
}

# settings_of OWNER[:GROUP] MODE FILE: names this test's server.
settings_of() {
    mkdir -p "${3%/*}"
    rm -f "$3"
    printf '[default]\nbase_url = %s\n' "$URL" >"$3"
    chown "$1" "$3"
    chmod "$2" "$3"
}

without_base_url() {
    [[ $EUID -eq 0 ]] || skip "needs root"
    URL=$WANDB_BASE_URL
    unset WANDB_BASE_URL
    export WANDB_API_KEY=$KEY https_proxy=http://127.0.0.1:1 # nothing may reach the real server
}

@test "settings of the working directory that others can write have no say" {
    without_base_url
    local owner mode
    while read -r owner mode; do
        reset_counts
        settings_of "$owner" "$mode" wandb/settings
        run -32 --separate-stderr "$REGISTRYFS" --timeout 2 mountpoint
        [[ $stderr == *"settings are passed over: "*wandb/settings* ]] || fail "$owner $mode: $stderr"
        assert_requests 0
    done <<'CASES'
65534:65534 644
0:0 646
0:65534 664
0:100 664
CASES
}

@test "twin: settings of the working directory that nobody else can write count" {
    without_base_url
    local owner mode
    while read -r owner mode; do
        settings_of "$owner" "$mode" wandb/settings
        mounts_as ada || fail "$owner $mode"
    done <<'CASES'
0:0 644
0:0 664
0:65534 644
CASES
}

@test "the user's settings that are not trusted: an error, unless the environment names the server" {
    without_base_url
    settings_of 65534:65534 644 "$HOME/.config/wandb/settings"
    refused 1 mountpoint
    [[ $stderr == *"$HOME/.config/wandb/settings"*WANDB_BASE_URL* ]]
    assert_requests 0
    WANDB_BASE_URL=$URL mounts_as ada
    grep -q 'settings are passed over' "$LOG"
}

@test "a key file without a base URL: the working directory has no say; twin: with one it has" {
    without_base_url
    unset WANDB_API_KEY
    printf '%s\n' "$KEY" >key
    settings_of 0:0 644 wandb/settings
    run -32 --separate-stderr "$REGISTRYFS" --timeout 2 --api-key-file key mountpoint
    assert_requests 0
    settings_of 0:0 644 "$HOME/.config/wandb/settings"
    mount_start --api-key-file key
    mount_stop
    rm "$HOME/.config/wandb/settings"
    printf '[default]\nhttp_proxy = http://127.0.0.1:1\n' >wandb/settings
    refused 32 --timeout 2 --base-url "$URL" --api-key-file key mountpoint
}

@test "started by mount(8) the working directory has no say; twin: started by hand it has" {
    without_base_url
    settings_of 0:0 644 wandb/settings
    run -32 unshare --mount --propagation private bash -c '
        mount -t tmpfs none /usr/local/bin && ln -s "$REGISTRYFS" /usr/local/bin/registryfs &&
        mount -t fuse.registryfs registryfs mountpoint -o timeout=2'
    assert_requests 0
    mounts_as ada
}

@test "settings files: proxies, headers and certificate checks, as in the environment" {
    export WANDB_API_KEY=$KEY
    mkdir -p "$HOME/.config/wandb"
    local settings=$HOME/.config/wandb/settings
    printf '[default]\nhttp_proxy = http://127.0.0.1:1\n' >"$settings"
    refused 32 --timeout 2 mountpoint
    WANDB_HTTP_PROXY=http://127.0.0.1:2 refused 32 --timeout 2 mountpoint
    printf '[default]\nx_extra_http_headers = {"X-Gate": "open sesame"}\n' >"$settings"
    mounts_as ada
    control GET '/requests?last=10' | grep -q 'open sesame'
    WANDB__EXTRA_HTTP_HEADERS='{"X-Gate": "other"}' mounts_as ada
    control GET '/requests?last=2' | grep -q '"other"'
    printf '[default]\nx_extra_http_headers = {"X-Gate"}\n' >"$settings"
    refused 1 mountpoint
    [[ $stderr == *x_extra_http_headers* ]]
}

@test "an identity token is exchanged, and kept for the next mount" {
    printf 'sandbox.jwt.ada\n' >token
    export WANDB_IDENTITY_TOKEN_FILE=$PWD/token WANDB_CREDENTIALS_FILE=$PWD/credentials.json
    mounts_as ada
    assert_equal "$(control GET /counts | jq .oidc)" 1
    assert_equal "$(stat -c %a credentials.json)" 600
    run -0 jq -er --arg url "$WANDB_BASE_URL" '.credentials[$url].expires_at' credentials.json
    [[ $output =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}:[0-9]{2}$ ]]
    mounts_as ada
    assert_equal "$(control GET /counts | jq .oidc)" 1
}

@test "an identity token: the access token is renewed before it ends" {
    printf 'sandbox.jwt.ada\n' >token
    export WANDB_IDENTITY_TOKEN_FILE=$PWD/token
    control POST /token_life '{"seconds": 2}' >/dev/null
    mount_start --ttl 1
    ls "$MNT/acme" >/dev/null
    sleep 3
    run -0 ls "$MNT/acme" "$MNT/acme/model/collections"
    control POST /token_life '{"seconds": 3600}' >/dev/null
    [[ $(control GET /counts | jq .oidc) -ge 2 ]]
    run ! grep -q EACCES "$MNT/.registryfs/errors"
}

@test "an identity token that is refused: status 32" {
    printf 'not.a.token\n' >token
    WANDB_IDENTITY_TOKEN_FILE=$PWD/token refused 32 mountpoint
    rm token
    WANDB_IDENTITY_TOKEN_FILE=$PWD/token run -- "$REGISTRYFS" mountpoint
    [[ $status -ne 0 ]]
    assert_nothing_mounted
}

@test "a key and an identity token together are an error" {
    printf 'sandbox.jwt.ada\n' >token
    export WANDB_API_KEY=$KEY WANDB_IDENTITY_TOKEN_FILE=$PWD/token
    run -- "$REGISTRYFS" mountpoint
    [[ $status -ne 0 && $output == *WANDB_IDENTITY_TOKEN_FILE* ]]
    assert_nothing_mounted
}

@test "accounts of every kind see what is theirs" {
    local key
    while read -r key user; do
        export WANDB_API_KEY=$key
        mount_start
        assert_equal "$(status_value viewer)" "$user"
        ls "$MNT" >"$user.txt"
        mount_stop
    done <<'KEYS'
b0b0000000000000000000000000000000000b0b bob
local-c1c1000000000000000000000000000000000001 ci-bot
feed00000000000000000000000000000000beef vera
KEYS
    local user
    for user in bob ci-bot vera; do
        assert_equal "$(cat "$user.txt")" acme
    done
}

@test "the key is read again on SIGHUP" {
    printf '%s\n' "$KEY" >key
    mount_start --ttl 3600 --api-key-file "$PWD/key"
    assert_equal "$(status_value viewer)" ada
    ls "$MNT" | grep -q Globex
    printf 'b0b0000000000000000000000000000000000b0b\n' >key
    kill -HUP "$PID"
    eventually 60 bash -c '! ls "$1" | grep -q Globex' - "$MNT"
    [[ -d $MNT/acme/model ]]
}

@test "a key file that is replaced, as Kubernetes does it, is read again" {
    mkdir first second
    printf '%s\n' "$KEY" >first/key
    printf 'b0b0000000000000000000000000000000000b0b\n' >second/key
    ln -s first current
    mount_start --ttl 1 --api-key-file "$PWD/current/key"
    ls "$MNT" | grep -q Globex
    ln -s second new && mv -T new current
    eventually 60 bash -c '! ls "$1" | grep -q Globex' - "$MNT"
    [[ -d $MNT/acme/model ]]
    # One that cannot be used changes nothing.
    : >second/new && mv second/new second/key
    sleep 2.2
    ls "$MNT/acme/model" >/dev/null
    grep -q 'the old API key is kept' "$LOG"
}

@test "extra headers of the environment are sent" {
    export WANDB_API_KEY=$KEY WANDB__EXTRA_HTTP_HEADERS='{"X-Gate": "open sesame"}'
    mount_start
    control GET '/requests?last=10' | grep -q 'open sesame'
}

@test "a proxy of the environment is used, and NO_PROXY obeyed" {
    export WANDB_API_KEY=$KEY
    WANDB_HTTP_PROXY=http://127.0.0.1:1 refused 32 --timeout 3 mountpoint
    http_proxy=http://127.0.0.1:1 refused 32 --timeout 3 mountpoint
    http_proxy=http://127.0.0.1:1 no_proxy=127.0.0.1 mounts_as ada
}

@test "TLS: an unknown certificate is refused, unless that is switched off" {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.crt 2>openssl.txt
    sandbox_start sample --tls-cert "$PWD/tls.crt" --tls-key "$PWD/tls.key"
    refused 32 --timeout 5 mountpoint
    [[ $stderr == *certificate* ]]
    WANDB_INSECURE_DISABLE_SSL=true mounts_as ada
}

# make_certificate NAME: NAME.crt and NAME.key for this machine.
make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$1.key" -out "$1.crt" 2>openssl.txt
}

@test "TLS: certificates of every variable are trusted, together" {
    make_certificate server
    make_certificate other
    mkdir hashed empty
    cp server.crt hashed/
    openssl rehash hashed
    sandbox_start sample --tls-cert "$PWD/server.crt" --tls-key "$PWD/server.key"
    refused 32 --timeout 5 mountpoint
    SSL_CERT_FILE=other.crt refused 32 --timeout 5 mountpoint
    SSL_CERT_FILE=server.crt mounts_as ada
    REQUESTS_CA_BUNDLE=server.crt mounts_as ada
    CURL_CA_BUNDLE=server.crt mounts_as ada
    REQUESTS_CA_BUNDLE=$PWD/hashed mounts_as ada
    SSL_CERT_DIR=$PWD/empty:$PWD/hashed mounts_as ada
    SSL_CERT_FILE=other.crt CURL_CA_BUNDLE=server.crt mounts_as ada
    SSL_CERT_FILE=server.crt REQUESTS_CA_BUNDLE=other.crt mounts_as ada
    SSL_CERT_FILE=other.crt SSL_CERT_DIR=$PWD/hashed mounts_as ada
    SSL_CERT_FILE=missing.crt REQUESTS_CA_BUNDLE=server.crt mounts_as ada
    grep -q 'SSL_CERT_FILE.*missing.crt' "$LOG"
    printf '[default]\ninsecure_disable_ssl = true\n' >settings
    WANDB_CONFIG_DIR=$PWD mounts_as ada
    WANDB_CONFIG_DIR=$PWD WANDB_INSECURE_DISABLE_SSL=false refused 32 --timeout 5 mountpoint
}

@test "NO_PROXY knows ports" {
    export WANDB_API_KEY=$KEY
    local variable value
    for variable in no_proxy NO_PROXY; do
        for value in "$HOST" "example.com, $HOST"; do
            run -0 env http_proxy=http://127.0.0.1:1 "$variable=$value" "$REGISTRYFS" mountpoint
            fusermount3 -u mountpoint
        done
    done
    http_proxy=http://127.0.0.1:1 no_proxy=${HOST%:*}:1 refused 32 --timeout 2 mountpoint
}

@test "what an administrator may see is asked for as the official clients do" {
    WANDB_API_KEY=$KEY mounts_as ada
    local sent
    sent=$(control GET '/requests?last=10&target=graphql' |
        jq -c '[.[].headers["use-admin-privileges"]] | unique')
    assert_equal "$sent" '["true"]'
}

@test "passwords of proxies and headers stand in no message" {
    export WANDB_API_KEY=$KEY
    local value
    for value in 'http://user:pa55word@127.0.0.1:1' 'user:pa55word@127.0.0.1:1' 'http://user:pa55word@127.0.0.1:1/x y' \
        'http://us er:pa55word@127.0.0.1:1' 'gopher://user:pa55word@127.0.0.1:1' 'http://user:pa55word@127.0.0.1:nn' \
        'http://user:pa55/word@127.0.0.1:1' 'http://user:pa55word@[::1' 'pa55word'; do
        for variable in ALL_PROXY WANDB_HTTP_PROXY; do
            run --separate-stderr -- env "$variable=$value" "$REGISTRYFS" --log-level debug --timeout 1 mountpoint
            [[ $status -eq 1 || $status -eq 32 ]] || fail "$variable=$value: status $status"
            [[ $value == pa55word || "$output$stderr" != *pa55* ]] || fail "$variable=$value: $stderr"
        done
    done
    assert_nothing_mounted
    for value in '{"X-Token: pa55word": "x"}' '{"X-Token": ["pa55word"]}' '{"pa55word": 1}' 'pa55word' '{"a": "pa55word' \
        '{"authorization": "pa55word"}' '{"X-Token": "pa55\nword"}'; do
        for variable in WANDB__EXTRA_HTTP_HEADERS WANDB_X_EXTRA_HTTP_HEADERS; do
            run -1 --separate-stderr env "$variable=$value" "$REGISTRYFS" mountpoint
            [[ $stderr == *"$variable"* && $stderr != *pa55* ]] || fail "$variable=$value: $stderr"
        done
    done
    # A server that repeats what it was sent.
    export WANDB__EXTRA_HTTP_HEADERS='{"X-Token": "Bearer pa55word-pa55word"}'
    mount_start
    fault errors errors '["what is pa55word-pa55word?"]' status 500
    run ls "$MNT/acme/model/collections"
    grep -q 'what is \*' "$MNT/.registryfs/errors"
    assert_no_key_leak pa55word
}

@test "a base URL that would send the key elsewhere or in clear is refused before anything is sent" {
    export WANDB_API_KEY=$KEY
    local url proxy=$WANDB_BASE_URL
    for url in http://api.wandb.ai. http://wandb.ai. http://eu.api.wandb.ai. http://api.wandb%2Eai \
        "$WANDB_BASE_URL/a/.." "$WANDB_BASE_URL/a/%2e%2E" "$HOST" "//$HOST" "user:pa55word@$HOST"; do
        reset_counts
        http_proxy=$proxy WANDB_BASE_URL=$url refused 1 mountpoint
        [[ $stderr != *pa55* ]]
        assert_requests 0
    done
    WANDB_BASE_URL=$HOST refused 1 mountpoint
    [[ $stderr == *"add http:// or https://"* ]]
}

@test "a web page instead of the API: what to do about it" {
    export WANDB_API_KEY=$KEY
    fault html status 403
    refused 32 mountpoint
    [[ $stderr == *403* && $stderr == *proxy* ]]
}

@test "the key stands in no place that others can read" {
    export WANDB_API_KEY=$KEY
    mount_start --ttl 1 --log-level debug
    ls -lR "$MNT/acme/model" >/dev/null
    fault unauthorized_text
    sleep 1.5
    ls "$MNT/acme" "$MNT/acme/dataset/versions" >/dev/null 2>&1 || true
    control DELETE /faults
    control POST /faults "$(jq -nc --arg key "$KEY" '{target: "graphql", operation: "*", times: -1,
        kind: "status", status: 400, body: ("do not repeat " + $key)}')"
    ls "$MNT/acme/restricted/versions" >/dev/null 2>&1 || true
    [[ -n $(cat "$MNT/.registryfs/errors") ]]
    assert_no_key_leak "$KEY"
    assert_equal "$(schemes)" "Basic"
}

@test "the key file's key stands nowhere either" {
    printf '%s\n' "$KEY" >key
    mount_start --log-level debug --api-key-file "$PWD/key"
    ls -lR "$MNT/acme/model" >/dev/null
    assert_no_key_leak "$KEY"
}

@test "twin: the search for leaks finds one" {
    export WANDB_API_KEY=$KEY
    mount_start
    printf 'request with %s\n' "$KEY" >>"$LOG"
    run -1 assert_no_key_leak "$KEY"
    sed -i '$d' "$LOG"
}
