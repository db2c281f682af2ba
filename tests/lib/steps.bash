# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The steps of tests/run. Each prints its log and ends with `result PASSED FAILED SKIPPED`;
# a step that ends without one counts as failed.

# shellcheck disable=SC2154  # root, builds, logs, scratch and name are tests/run's.
result() {
    printf '%s\n' "$*" >"$logs/$name.result"
}

# True if the build that this step needs is there; otherwise the step has failed.
has_build() {
    local built
    built=$(cat "$logs/$1.result" 2>/dev/null)
    [[ -z $1 || $built == "1 0 0" ]] && return
    if [[ $built == "0 0 1" ]]; then
        cat "$logs/$1.log"
        result 0 0 1
        return 1
    fi
    printf 'The build "%s" failed.\n' "$1"
    result 0 1 0
    return 1
}

# Runs a command in a mount namespace of its own, if that is allowed: a namespace that somebody else
# makes meanwhile would keep a copy of every mount, and so its daemon alive after the unmount.
isolated() {
    if unshare --mount true 2>/dev/null; then
        unshare --mount "$@"
    else
        "$@"
    fi
}

# One check that passed if the command did.
single() {
    if "$@"; then
        result 1 0 0
    else
        result 0 1 0
    fi
}

build() {
    local obstacle=
    [[ $1 != arm64 ]] || obstacle=$(cross_obstacle "$1")
    if [[ -n $obstacle ]]; then
        printf 'Skipped: %s\n' "$obstacle"
        result 0 0 1
        return
    fi
    single compile "$1"
}

compile() {
    local options=(--werror) compiler=gcc targets=(all meson-test-prereq)
    case $1 in
    gcc) options+=(--buildtype=debugoptimized) ;;
    clang)
        options+=(--buildtype=debugoptimized)
        compiler=clang
        ;;
    asan) # and what coverage is taken from: time does not matter there
        options+=(--buildtype=debug -Doptimization=1 "-Db_sanitize=address,undefined"
            -Db_coverage=true -Dc_args=-fprofile-update=atomic)
        find "$builds/asan" -name '*.gcda' -delete 2>/dev/null
        ;;
    tsan) options+=(--buildtype=debug -Doptimization=1 -Db_sanitize=thread) ;;
    fuzz)
        options+=(--buildtype=debug -Doptimization=1 "-Db_sanitize=address,undefined"
            -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link)
        compiler=clang
        targets=(fuzzers)
        ;;
    arm64)
        cross_file "$1" || return
        options+=(--buildtype=debugoptimized "--cross-file=$builds/$1.cross")
        ;;
    esac
    if [[ ! -f $builds/$1/build.ninja ]]; then
        CC=$compiler meson setup "${options[@]}" "$builds/$1" "$root" || return
    fi
    ninja -C "$builds/$1" -j 2 "${targets[@]}"
}

# UndefinedBehaviorSanitizer only reports unless it is told to stop.
sanitizer_environment() {
    export ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    export TSAN_OPTIONS=halt_on_error=1:exitcode=99:suppressions=$root/tests/lib/tsan.suppressions
    # Processes of other users cannot write down what they have covered; that is no message of theirs.
    export GCOV_ERROR_FILE=/dev/null
}

# What must stand before a command whose programs are those of build $1, in array `launcher`.
choose_launcher() {
    launcher=()
    # ThreadSanitizer of this age cannot map its shadow where newer kernels put a program.
    [[ $1 != tsan ]] || launcher=(setarch --addr-no-randomize)
}

# `meson test` in build $1; the unit tests and the decoder cases are registered there.
unit_tests() {
    local tests=$builds/$1/meson-logs/testlog.json
    sanitizer_environment
    choose_launcher "$1"
    rm -f "$tests"
    # Sanitizers and an emulated processor.
    [[ $1 == gcc ]] || export SLOW_BUILD=1
    "${launcher[@]}" meson test -C "$builds/$1" --no-rebuild --num-processes 2 \
        --print-errorlogs --timeout-multiplier 4
    local passed failed skipped
    passed=$(grep -c '"result": "OK"' "$tests")
    skipped=$(grep -c '"result": "SKIP"' "$tests")
    failed=$(grep -cvE '"result": "(OK|SKIP)"' "$tests")
    if [[ $((passed + failed + skipped)) -eq 0 ]]; then
        printf 'No test ran.\n'
        failed=1
    fi
    result "${passed:-0}" "${failed:-1}" "${skipped:-0}"
}

# What a target finds stays in $logs/finds.
fuzz() {
    TMPDIR=$scratch single timeout 3600 tests/fuzz/run "$1" "$builds/fuzz/tests/fuzz/fuzz_$1" \
        "${FUZZ_SECONDS:-20}" "$logs/finds"
}

sandbox_selftest() {
    local output status=0
    output=$(NODE_PATH=/usr/share/nodejs timeout 300 node tests/sandbox/selftest.js) || status=$?
    printf '%s\n' "$output"
    counts_of_closing_line "$status" "$(tail -n 1 <<<"$output")"
}

# The result from a suite's own closing line $2, "N passed, N failed", and exit status $1.
counts_of_closing_line() {
    local passed failed
    if [[ $2 =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]}
        if [[ $1 -ne 0 && $failed -eq 0 ]] || [[ $passed -eq 0 ]]; then
            printf 'Exit status %s although "%s".\n' "$1" "$2"
            failed=$((failed + 1))
        fi
        result "$passed" "$failed" 0
    else
        printf 'No closing line, exit status %s.\n' "$1"
        result 0 1 0
    fi
}

# Line coverage of the program by the unit tests and the suites in build asan. Says something only
# when all of them have run.
coverage() {
    local summary needed percent
    summary=$(gcovr --root "$root" --filter client/ --filter fs/ --sort-uncovered --print-summary "$builds/asan")
    printf '%s\n' "$summary"
    percent=$(sed -n 's/^lines: \([0-9.]*\)%.*/\1/p' <<<"$summary")
    for needed in $(all_steps | grep -E '^(unit:asan|bats-asan:)'); do
        if [[ ! -f $logs/$needed.result ]]; then
            printf '%s did not run.\n' "$needed"
            result 0 0 1
            return
        fi
    done
    single awk -v percent="${percent:-0}" -v least=90 'BEGIN { exit !(percent >= least) }'
}

check() {
    NODE_PATH=/usr/share/nodejs BUILD_DIR=$builds/gcc single "tests/checks/$1"
}

# Runs tests/$1.bats against build $2 and counts the lines of its TAP output. A plan that was not
# fulfilled, or no test at all, is a failure.
bats_suite() {
    local tap=$logs/$name.tap status=0 planned passed failed skipped tests=()
    sanitizer_environment
    # The long loops look for lost updates; once is enough. Sanitizers keep freed memory: tests whose
    # point is a bound on memory say nothing there.
    if [[ $2 != gcc ]]; then
        export EDITING_SECONDS=10
        tests=(--filter-tags '!bound')
    fi
    # Without a colon: lists of directories are separated by it.
    local place=$scratch/${name//:/-}
    mkdir "$place"
    choose_launcher "$2"
    TMPDIR=$place REGISTRYFS=$builds/$2/fs/registryfs isolated timeout --kill-after=60 1800 \
        "${launcher[@]}" bats --tap --timing "${tests[@]}" "tests/$1.bats" >"$tap" || status=$?
    cat "$tap"
    planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$tap")
    skipped=$(grep -cE '^ok [0-9]+ .*# skip' "$tap")
    passed=$(($(grep -cE '^ok [0-9]+' "$tap") - skipped))
    failed=$(grep -cE '^not ok [0-9]+' "$tap")
    if [[ $((passed + failed + skipped)) -ne ${planned:-0} || ${planned:-0} -eq 0 ]] ||
        [[ $status -ne 0 && $failed -eq 0 ]]; then
        printf '%s of %s tests ran, exit status %s.\n' \
            "$((passed + failed + skipped))" "${planned:-0}" "$status"
        failed=$((failed + 1))
    fi
    # Only a suite that crashed gets here with something left: teardown looks for itself.
    remove_left_over "$place" || failed=$((failed + 1))
    result "$passed" "$failed" "$skipped"
}

# Ends what this run has started, and only that.
interrupted() {
    local pid
    trap - INT TERM
    for pid in $(jobs -p); do
        kill_tree "$pid"
    done
    remove_left_over "$scratch"
    rm -rf --one-file-system "$scratch"
    printf 'Interrupted.\n' >&2
    exit 130
}

# Once more at the end, for step $1: the first lines of a long run are often not kept.
why_failed() {
    printf 'failed: %s\n' "$1"
    if grep -qE '^not ok|SUMMARY: ' "$logs/$1.log"; then
        awk '/^not ok|SUMMARY: /{ print; left = 12; next } /^#/ && left-- > 0' "$logs/$1.log" | head -n 60
    else
        tail -n 12 "$logs/$1.log"
    fi 2>/dev/null | cut -c 1-300 | sed 's/^/     | /'
}

# The sum over the results of steps $1, alone on the last line.
closing_line() {
    local name passed failed skipped sum_passed=0 sum_failed=0 sum_skipped=0 line
    while read -r name; do
        if ! read -r passed failed skipped 2>/dev/null <"$logs/$name.result"; then
            passed=0 failed=1 skipped=0
            printf 'FAIL %s did not run\n' "$name"
        fi
        sum_passed=$((sum_passed + passed))
        sum_failed=$((sum_failed + failed))
        sum_skipped=$((sum_skipped + skipped))
        [[ $failed -eq 0 ]] || why_failed "$name"
    done <<<"$1"
    line="$sum_passed passed, $sum_failed failed"
    [[ $sum_skipped -eq 0 ]] || line+=", $sum_skipped skipped"
    printf '%s\n' "$line"
    [[ $sum_failed -eq 0 && $sum_passed -gt 0 ]]
}
