# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# What the suites of real programs share: a program changes the first line of an attribute, or
# replaces its whole text, on a server that accepts, refuses, or is gone. A suite loads this after
# lib/editing, and defines attempt_now FILE ATTRIBUTE, which runs program $TOOL and calls `server_goes`
# when the text is before it.
#
# Every attempt sets: STATUS (exit status; "running": an editor that did not end), SCREEN (what a
# person sees), and appends to the matrix when REGISTRYFS_MATRIX names a file. Each program has a
# registry and a directory of its own, so that many can be tried on one mount, side by side.

MOUNT_OPTIONS=(--ttl 600 --timeout 3)

# The server and the mount of all tests of a suite.
programs_setup_file() {
    suite_setup
    sandbox_start sample
    mount_start "${MOUNT_OPTIONS[@]}"
}

# Goes to the program's own directory.
choose_program() {
    TOOL=$1
    REGISTRY=${TOOL//_/-}
    REGISTRY_DIR=$MNT/acme/$REGISTRY
    KEPT=$MNT/.registryfs/unsaved/acme/$REGISTRY
    mkdir -p "$TEST_DIR/$REGISTRY" && cd "$TEST_DIR/$REGISTRY" || return
}

# fresh_registry PROGRAM: what it edits. A description of 10 KB, organization, types dataset,
# evaluation-set; the texts as they are now in old.ATTRIBUTE.
fresh_registry() {
    choose_program "$1" || return
    long_text >old.description
    printf 'organization\n' >old.visibility
    printf 'dataset\nevaluation-set\n' >old.artifact_types
    upsert_registry "$ENTITY" "$REGISTRY" access '"PRIVATE"' \
        artifactTypes '[{"name":"dataset"},{"name":"evaluation-set"}]' \
        description "$(jq -Rs 'rtrimstr("\n")' <old.description)"
    touch "$MNT/acme"
}

# The new first line(s) of attribute $1. Those of the description tell the attempts apart.
first_lines() {
    case $1 in
    description) printf '%s with %s.\n' "${ATTEMPT:-Edited}" "$TOOL" ;;
    visibility) printf 'restricted\n' ;;
    artifact_types) printf 'report\ndataset\n' ;;
    esac
}

# attempt ATTRIBUTE: one edit. new.ATTRIBUTE is what the attribute should be afterwards, first.ATTRIBUTE
# its first lines, change.patch the difference.
attempt() {
    STATUS=0 SCREEN=
    first_lines "$1" >"first.$1"
    { cat "first.$1" && tail -n +2 "old.$1"; } >"new.$1"
    diff -u "old.$1" "new.$1" >change.patch || true
    attempt_now "$REGISTRY_DIR/$1" "$1"
}

note() {
    [[ -z ${REGISTRYFS_MATRIX:-} ]] ||
        printf '%s\t%s\t%s\n' "$TOOL" "$1" "$2" >>"$REGISTRYFS_MATRIX"
}

# assert_saved ATTRIBUTE ACCESS TYPES: it, and nothing else, has changed; visibility and the number of
# types on the server.
assert_saved() {
    local attribute=$1
    [[ $STATUS == 0 ]] || fail "$TOOL on $attribute: $STATUS" "$SCREEN" || return
    assert_same_text <(LC_ALL=C sort "new.$attribute") <(LC_ALL=C sort "$REGISTRY_DIR/$attribute") || return
    assert_mutations 1 || return
    assert_no_leftover "$REGISTRY" || return
    assert_equal "$(on_server "$REGISTRY" | jq -c '[.access, (.artifactTypes | length)]')" "[\"$2\",$3]" || return
    cp "new.$attribute" "old.$attribute"
    server_description "$REGISTRY" >found
    assert_same_text old.description found
}

# Whether the program let its user know; an editor that asks for another name has noticed, too.
says_so() {
    [[ $STATUS != 0 && $STATUS != running ]] || complains <<<"$SCREEN"
}

complains() {
    grep -qiE 'error|denied|fail|cannot|E[0-9]+:|not saved|route|save as'
}

what_is_seen() {
    if says_so; then
        printf 'says so'
    elif [[ $STATUS == running ]]; then
        printf 'asks, does not quit'
    else
        printf 'silent'
    fi
}

# Nothing that was typed is lost: kept as it was typed, or the program has complained; the attribute
# shows the server's text.
assert_kept() {
    if [[ -e $KEPT/description ]]; then
        assert_same_text new.description "$KEPT/description" || return
    else
        says_so || fail "$TOOL: neither kept nor reported: $STATUS" "$SCREEN" || return
    fi
    assert_same_text old.description "$REGISTRY_DIR/description"
}

saves() {
    fresh_registry "$1"
    reset_counts && attempt description && assert_saved description PRIVATE 2 || return
    reset_counts && attempt visibility && assert_saved visibility RESTRICTED 2 || return
    reset_counts && attempt artifact_types && assert_saved artifact_types RESTRICTED 3 || return
    note saves yes
}

# The registry is left as `saves` has left it.
is_refused() {
    local before
    before=$(on_server "$REGISTRY")
    refuse_upserts 403 'only registry admins may do this'
    ATTEMPT=Refused FAILS=yes attempt description
    control DELETE /faults >/dev/null
    assert_equal "$(on_server "$REGISTRY")" "$before" || return
    assert_kept || return
    note refused "$(what_is_seen)"
}

works() {
    saves "$1" && is_refused "$1"
}

# An attempt waits here, with the text before it, until the server is gone, where that is what is tried.
server_goes() {
    [[ ${SERVER:-stays} == goes ]] || return 0
    : >begun
    flock --shared --timeout 600 "$TEST_DIR/gate" true
}

attempt_without_server() {
    cat "$REGISTRY_DIR/description" >/dev/null || return
    SERVER=goes ATTEMPT=Alone FAILS=yes attempt description || return
    declare -p STATUS SCREEN >outcome
}

have_begun() {
    local program
    for program in "$@"; do
        [[ -e $TEST_DIR/${program//_/-}/begun ]] || return
    done
}

# find_nobody PROGRAM…: the server goes while each of them has the text before it; then all save.
find_nobody() {
    local program gate attempts=() failed=0
    exec {gate}>"$TEST_DIR/gate"
    flock "$gate"
    sandbox_start sample && mount_start "${MOUNT_OPTIONS[@]}" || return
    for program in "$@"; do
        fresh_registry "$program" || return
        attempt_without_server >log 2>&1 3>&- &
        attempts+=($!)
    done
    eventually 120 have_begun "$@" || failed=1
    sandbox_stop
    sleep 1.1 # until what it said is older than a second
    flock --unlock "$gate"
    exec {gate}>&-
    wait "${attempts[@]}" || true
    for program in "$@"; do
        choose_program "$program"
        nobody_was_found || failed=1
    done
    return $failed
}

nobody_was_found() {
    local STATUS SCREEN
    [[ -e outcome ]] || fail "$TOOL: no outcome" "$(cat log)" || return
    # shellcheck source=/dev/null
    source ./outcome
    assert_kept || return
    note gone "$(what_is_seen)"
}
