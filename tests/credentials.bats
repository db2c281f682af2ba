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
@test "a settings file that is none is refused, with the line" {
    mkdir -p "$HOME/.config/wandb"
    printf 'no section here\n\0\n' >"$HOME/.config/wandb/settings"
    WANDB_API_KEY=$KEY refused 1 mountpoint
    [[ $stderr == *settings*1* ]]
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
    eventually 10 bash -c '! ls "$1" | grep -q Globex' - "$MNT"
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
    eventually 20 bash -c '! ls "$1" | grep -q Globex' - "$MNT"
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
