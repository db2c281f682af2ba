# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What reading costs: the driver read_orders.py on a mount of its own, the sandbox's count beside it.

# read_cost [--mount OPTION]… ORDER FILE… [OPTION…]: mounts, lists the files' folder (below the mountpoint)
# and reads the files as the driver's ORDER says. Sets COST: {"seconds", "bytes", "sha256", "gets",
# "fetched", "median"}: what the driver says, GETs, bytes that they brought, their median size.
read_cost() {
    local options=() arguments=() argument answer requests looked=''
    while [[ $1 == --mount ]]; do
        options+=("$2")
        shift 2
    done
    mkdir -p "${TEST_DIR:-$SUITE_DIR}/caches"
    XDG_CACHE_HOME=$(mktemp -d "${TEST_DIR:-$SUITE_DIR}/caches/XXXXXX") mount_start --ttl 600 ${options[@]+"${options[@]}"}
    for argument in "$@"; do
        if [[ $argument == */* ]]; then
            argument=$MNT/$argument
            [[ -n $looked ]] || eventually 60 ls "${argument%/*}" >/dev/null
            looked=yes
        fi
        arguments+=("$argument")
    done
    reset_counts
    answer=$(python3 "$ROOT/tests/lib/read_orders.py" "${arguments[@]}")
    requests=$(control GET '/requests?target=storage&last=2000')
    COST=$(jq -c --argjson answer "$answer" --argjson counts "$(control GET /counts)" '
        [.[].range // empty | capture("=(?<from>[0-9]+)-(?<to>[0-9]+)")
            | (.to | tonumber) - (.from | tonumber) + 1] | sort as $sizes
        | $answer + {gets: $counts.storage.gets, fetched: $counts.storage.bytes,
                     median: ($sizes[($sizes | length) / 2 | floor] // 0)}' <<<"$requests")
    mount_stop
}

# cost MEMBER [COST]
cost() {
    jq -r ".$1" <<<"${2:-$COST}"
}
