#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Allocations that fail, anywhere in the program, while it is browsed, read and edited: no crash, no
# hang, and all is as before when there is memory again. MALLOC_PERTURB_ fills what is freed.
# MEMORY_SEEDS="1 2 3": which allocations fail, a mount each.

load lib/helpers
load lib/editing

setup() {
    test_setup
    sandbox_start sample
    local library
    library=$(find "${REGISTRYFS%/fs/*}/tests" -name libfailing_memory.so)
    [[ -n $library ]] || fail "libfailing_memory.so was not built beside $REGISTRYFS" || return
    printf 0 1<>switch
    printf '#!/bin/sh\nMALLOC_PERTURB_=165 FAIL_SWITCH=%s LD_PRELOAD=%s exec %s "$@"\n' \
        "$TEST_DIR/switch" "$library" "$REGISTRYFS" >"$TEST_DIR/registryfs"
    chmod +x "$TEST_DIR/registryfs"
    REGISTRYFS=$TEST_DIR/registryfs
}

# Everything that the suites browse, files and edit do, once; what it answers does not matter here,
# but each command ends.
use_all() {
    local model=$MNT/acme/model command
    local files=$model/collections/churn/aliases/production/files
    for command in "find '$MNT' -ls" "cat '$model'/* '$model'/collections/*/*" \
        "grep -r . '$model/collections/churn/versions'" "cat '$files/model.pt'" "cp -r '$files' copy" \
        "getfattr -R -d -m - '$model'" "ls '$MNT/acme/@name=model' '$model/collections/@tag=production'" \
        "ls '$MNT/acme/@{'" "touch '$MNT/acme'" "echo text >'$model/description'" \
        "echo restricted >'$model/visibility'" "echo other >'$model/new' && mv '$model/new' '$model/description'" \
        "sed -i s/o/0/ '$model/description'" "cp '$model/description' '$model/description~'" \
        "ln -s a '$model/.#description'" "rm '$model/.#description' '$model/description~'" \
        "mkdir '$MNT/acme/made' && mv '$MNT/acme/made' '$MNT/acme/moved'" "rmdir '$MNT/acme/moved' '$MNT/acme/made'" \
        "cat '$MNT'/.registryfs/* '$MNT'/.registryfs/unsaved/*/*/*" "df '$MNT'"; do
        timeout 60 bash -c "$command" >/dev/null 2>>said || [[ $? -ne 124 ]] || fail "hangs: $command" || return
        kill -0 "$PID" || fail "ended during: $command" || return
    done
    rm -rf copy
}

names() {
    find "$MNT" | LC_ALL=C sort
}

@test "allocations that fail end nothing, and leave nothing behind" {
    local rate seed
    for rate in 5 10 100 1000; do
        for seed in ${MEMORY_SEEDS:-1 2 3}; do
            printf 0 1<>switch
            FAIL_ONE_IN=$rate FAIL_SEED=$seed mount_start --ttl 1 --timeout 5 --cache-dir "$TEST_DIR/cache"
            names >before
            printf 1 1<>switch
            use_all || fail "one in $rate, seed $seed" || return
            [[ $rate -gt 10 ]] || grep -q 'annot allocate memory' said ||
                fail "nothing failed for want of memory" || return
            printf 0 1<>switch
            touch "$MNT"
            eventually 60 bash -c "find '$MNT' 2>/dev/null | grep -q aliases/production" ||
                fail "one in $rate, seed $seed: the tree does not come back" || return
            # What was looked up without memory is asked for again by then.
            eventually 60 test -e "$MNT/acme/model/description"
            echo "again $rate $seed" >"$MNT/acme/model/description"
            assert_equal "$(server_value model description)" "again $rate $seed"
            mount_stop
        done
    done
}

@test "without failures the same commands do what they say" {
    mount_start --ttl 1 --cache-dir "$TEST_DIR/cache"
    names >before
    use_all
    touch "$MNT"
    names >after
    assert_same_text before after
}

@test "the commands without a mount end, too, and never leave a wrong file" {
    local source=acme/wandb-registry-model/churn:v0 program=$TEST_DIR/registryfs rate seed file failed=0
    printf 0 1<>switch
    "$program" get --quiet "$source" right >/dev/null
    printf 1 1<>switch
    for rate in 20 200 2000; do
        for seed in ${MEMORY_SEEDS:-1 2 3}; do
            export FAIL_ONE_IN=$rate FAIL_SEED=$seed
            for command in "resolve $source" "get --no-cache --quiet $source out" \
                "get --cache-dir $TEST_DIR/cache --quiet $source out" "warm --cache-dir $TEST_DIR/cache --quiet $source" \
                "check $source"; do
                # shellcheck disable=SC2086  # words
                run timeout 60 "$program" $command
                failed=$((failed + (status != 0)))
                [[ $status -lt 124 ]] || fail "$status: $command, one in $rate, seed $seed: $output" || return
            done
            while IFS= read -r -d '' file; do
                cmp "$file" "right/${file#out/}" || fail "one in $rate, seed $seed" || return
            done < <(find out -type f ! -path '*/.registryfs-*' -print0 2>/dev/null)
            rm -rf out
        done
    done
    printf 0 1<>switch
    [[ $failed -gt 0 ]] || fail "nothing failed for want of memory"
    "$program" get --quiet "$source" out >/dev/null
    diff -r -x '.registryfs-*' right out
}
