#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `check`: what is wrong with a set-up, and what to do about it.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

# check STATUS WORD…: its output in $output and $stderr.
check() {
    local wanted=$1
    shift
    run --separate-stderr -- within 60000 "$REGISTRYFS" check "$@"
    [[ $status -eq $wanted ]] || fail "exit status $status, not $wanted: $output $stderr" || return
    [[ -z $WANDB_API_KEY || $output$stderr != *"$WANDB_API_KEY"* ]] || fail "shows the key"
}

# state_of CHECK [MEMBER]: as the last check with --json has it.
state_of() {
    jq -r --arg check "$1" --arg member "${2:-state}" '.checks[] | select(.check == $check)[$member]' <<<"$output"
}

@test "all is well: device, cache, key and where it is, server, organizations, the source" {
    check 0 acme/wandb-registry-model/churn:v0
    local words
    for words in "WANDB_API_KEY: good for ada" "$WANDB_BASE_URL answers in " "acme, Globex Research" \
        "acme-org-entity/wandb-registry-model/churn:v0@" "$XDG_CACHE_HOME/registryfs, at most 10240 MiB" \
        "/dev/fuse can be opened"; do
        [[ $output == *"$words"* ]] || fail "$words: $output"
    done
    [[ ! -e $XDG_CACHE_HOME && -z $(mounts_below "$TEST_DIR") ]]
    check 0 --json acme/model
    jq -e '.state == "ok" and ([.checks[].check] ==
        ["fuse", "cache", "proxy", "certificates", "server", "key", "organizations", "source"])' <<<"$output"
    [[ $(state_of source found) == acme/model ]]
}

@test "where the key and the proxy come from, without what is secret in them" {
    printf '%s' "$WANDB_API_KEY" >key
    check 0 --json --api-key-file key
    [[ $(state_of key found) == "key: good for ada" ]]
    printf 'machine 127.0.0.1 login user password %s\n' "$WANDB_API_KEY" >netrc
    WANDB_API_KEY='' NETRC=$PWD/netrc check 0 --json
    [[ $(state_of key found) == "$PWD/netrc: good for ada" && $output != *"$(cat key)"* ]]
    cp netrc "$HOME/.netrc"
    WANDB_API_KEY='' check 0 --json
    [[ $(state_of key found) == "$HOME/.netrc: good for ada" ]]

    [[ $(state_of proxy found) == none ]]
    WANDB_HTTP_PROXY=http://user:hidden@127.0.0.1:1 check 2 --json --timeout 2
    [[ $(state_of proxy found) == http://*127.0.0.1:1 && $output != *hidden* && $(state_of server) == unusable ]]
    http_proxy=user:hidden@127.0.0.1:1 check 2 --json --timeout 2
    [[ $(state_of proxy found) == *127.0.0.1:1 && $output != *hidden* ]]
    http_proxy=http://127.0.0.1:1 no_proxy=127.0.0.1 check 0 --json
    [[ $(state_of proxy found) == *NO_PROXY* ]]
}

@test "each thing that is wrong is named, with what to do; the rest is looked at all the same" {
    WANDB_API_KEY=0000000000000000000000000000000000000000 check 2 --json acme/model
    [[ $(state_of key) == unusable && $(state_of key advice) == *authorize* && $(state_of server) == ok ]]
    [[ -z $(state_of source) && $(state_of cache) == ok ]]
    check 2 --json acme/wandb-registry-model/nothing
    [[ $(state_of source) == unusable && $(state_of key) == ok ]]
    WANDB_BASE_URL=http://127.0.0.1:1 check 2 --json --timeout 2
    [[ $(state_of server) == unusable && $(state_of server advice) == *proxy* && $(state_of key) == ok && $(state_of fuse) == ok ]]
    WANDB_API_KEY='' check 2
    [[ $output =~ unusable\ +key\ +no\ API\ key ]] || fail "$output"
    fault status status 503
    check 2 --json --timeout 2
    [[ $(state_of server) == unusable ]]
    control DELETE /faults
    WANDB_INSECURE_DISABLE_SSL=true WANDB_BASE_URL=https://127.0.0.1:1 check 2 --json --timeout 2
    [[ $(state_of certificates) == degraded ]]
}

@test "a cache that keeps nothing, or that others can change" {
    check 0 --json --no-cache
    [[ $(state_of cache found) == "none, by option" ]]
    env -u HOME -u XDG_CACHE_HOME "$REGISTRYFS" check --json >found || [[ $? == 1 ]]
    output=$(cat found)
    [[ $(state_of cache) == degraded && $(state_of cache advice) == *--cache-dir* ]]
    mkdir disk
    mkdir -m 777 open
    check 2 --json --cache-dir open
    [[ $(state_of cache) == unusable ]]
    check 0 --json --cache-dir not/there/yet
    [[ $(state_of cache found) == not/there/yet,* && ! -e not ]]
    mount -t tmpfs -o size=1m none disk
    check 0 --json --cache-dir disk/cache
    head -c 1M /dev/zero >disk/full || true
    check 1 --json --cache-dir disk/cache
    umount disk
    [[ $(state_of cache) == degraded && $(state_of cache advice) == *"make room"* ]]
}

# check_in WORDS: the object that it prints where WORDS were done in a mount namespace before.
check_in() {
    output=$(unshare --mount sh -c "$1"' && shift && exec "$@"' - - "$REGISTRYFS" check --json) || return
}

@test "no /dev/fuse, or no right to mount: said, with what can be done instead" {
    local found=0
    check_in 'mount -t tmpfs none /dev' || found=$?
    [[ $found == 1 && $(state_of fuse) == degraded && $(state_of fuse advice) == *"registryfs get"* ]] || fail "$output"
    found=0
    output=$(setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$REGISTRYFS" check --json) || found=$?
    [[ $found == 1 && $(state_of fuse) == degraded && $(state_of fuse advice) == *CAP_SYS_ADMIN* ]] || fail "$output"
    check 0 --json
    [[ $(state_of fuse found) == *CAP_SYS_ADMIN* ]]
}

@test "content proxies: each is asked, and what is left when none answers is said" {
    local port
    exec {server}< <(exec python3 -c '
import http.server
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()' 2>/dev/null 3>&-)
    local proxy=$!
    read -r port <&"$server"
    check 0 --json --content-proxy "http://127.0.0.1:$port;DIRECT"
    assert_equal "$(state_of "content proxy" found | sed 's/ in .*//')" "http://127.0.0.1:$port answers
DIRECT: the storage itself, where no other can be asked"
    check 1 --json --content-proxy "http://127.0.0.1:$port|http://127.0.0.1:1"
    [[ $(state_of "content proxy" | xargs) == "ok degraded" && $(state_of server) == ok ]]
    check 2 --json --content-proxy "http://127.0.0.1:1|unix:$PWD/none"
    [[ $(state_of "content proxy" | xargs) == "degraded degraded unusable" ]]
    [[ $(state_of "content proxy" advice) == *--content-proxy* ]]
    check 2 --content-proxy "cache:3129"
    kill "$proxy"
    exec {server}<&-
    # The twin: without one nothing is said of them.
    check 0 --json
    [[ -z $(state_of "content proxy") ]]
}

@test "a rate limit is said soon, and not waited out" {
    fault limit requests 0 ms 1000
    check 2 --json --timeout 2
    [[ $(state_of server) == unusable && $(state_of server found) == *rate* ]]
}

@test "usage" {
    check 1 acme more
    [[ $stderr == *"too many arguments"* ]]
    check 1 --ttl 5
    check 1 --pin
}
