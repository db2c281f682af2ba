#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `check`: what is wrong with a set-up, and what to do about it.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

# check STATUS WORD…: its output in $output; an object with --json.
check() {
    local wanted=$1
    shift
    run --separate-stderr -- within 60000 "$REGISTRYFS" check "$@"
    [[ $status -eq $wanted ]] || fail "exit status $status, not $wanted: $output $stderr" || return
    [[ $output != *"$WANDB_API_KEY"* ]] || fail "shows the key"
}

# state_of CHECK: as the last check with --json has it.
state_of() {
    jq -r --arg check "$1" '.checks[] | select(.check == $check).state' <<<"$output"
}

@test "all is well: the key and where it is, the server, organizations, the source" {
    check 0 acme/wandb-registry-model/churn:v0
    [[ $output == *"the key in WANDB_API_KEY"* && $output == *"$WANDB_BASE_URL answers in"*"for ada"* ]] || fail "$output"
    [[ $output == *"acme, Globex Research"* && $output == *"acme-org-entity/wandb-registry-model/churn:v0@"* ]] || fail "$output"
    [[ $output == *"$XDG_CACHE_HOME/registryfs"* && $output == *"/dev/fuse can be opened"* ]] || fail "$output"
    [[ ! -e $XDG_CACHE_HOME ]]
    check 0 --json
    jq -e '.state == "ok" and ([.checks[].check] == ["key", "proxy", "certificates", "server", "organizations", "fuse", "cache"])' \
        <<<"$output"
}

@test "where the key and the proxy come from, without what is secret in them" {
    printf '%s' "$WANDB_API_KEY" >key
    check 0 --api-key-file key
    [[ $output == *"the key in the file key"* ]]
    printf 'machine %s login user password %s\n' 127.0.0.1 "$WANDB_API_KEY" >netrc
    WANDB_API_KEY='' NETRC=$PWD/netrc run -0 "$REGISTRYFS" check
    [[ $output == *"$PWD/netrc"* && $output != *"$WANDB_API_KEY"* ]]
    WANDB_HTTP_PROXY=http://user:hidden@127.0.0.1:1 check 2 --timeout 2
    [[ $output == *"http://127.0.0.1:1"* && $output != *hidden* ]]
}

@test "each thing that is wrong is named, with what to do; the rest is looked at all the same" {
    WANDB_API_KEY=0000000000000000000000000000000000000000 check 2 --json acme/model
    [[ $(state_of server) == unusable && $(state_of cache) == ok && -z $(state_of source) ]]
    jq -e '.checks[] | select(.check == "server").advice | contains("key")' <<<"$output"
    check 2 --json acme/wandb-registry-model/nothing
    [[ $(state_of source) == unusable && $(state_of server) == ok ]]
    WANDB_BASE_URL=http://127.0.0.1:1 check 2 --json --timeout 2
    [[ $(state_of server) == unusable && $(state_of fuse) == ok ]]
    check 1 --json --no-cache
    [[ $(state_of cache) == degraded && $(jq -r .state <<<"$output") == degraded ]]
    mkdir -m 777 open
    check 2 --json --cache-dir open
    [[ $(state_of cache) == unusable ]]
    unset WANDB_API_KEY
    WANDB_API_KEY='' run -2 "$REGISTRYFS" check
    [[ $output == *unusable*key* ]]
}

@test "no /dev/fuse: a mount is not to be had, get is" {
    run -1 --separate-stderr unshare -m bash -c 'mount -t tmpfs none /dev && exec "$@"' - "$REGISTRYFS" check --json
    [[ $(state_of fuse) == degraded && $output == *"registryfs get"* ]] || fail "$output $stderr"
}

@test "usage" {
    check 1 acme more
    check 1 --ttl 5
}
