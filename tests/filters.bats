#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Filters as directories (design 2): what a query shows is compared with what evaluating it over the
# sandbox's state gives, by other code (lib/filter_oracle.py).

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start filters
    control GET /state >"$SUITE_DIR/state.json"
}

# oracle ORGANIZATION bare|full FILTER FILTER FILTER; "-" is none.
oracle() {
    local organization=$1 form=$2
    shift 2
    python3 "$ROOT/tests/lib/filter_oracle.py" "$organization" "$form" "${@/#-/}" \
        <"$SUITE_DIR/state.json"
}

# The entries of a directory, sorted bytewise.
entries() {
    ls -U "$1" | LC_ALL=C sort
}

# The cases of lib/filter-cases: four fields a line, tabs between.
cases() {
    grep -v '^#' "$ROOT/tests/lib/filter-cases" | sed 's/ | /\t/g'
}

# Names without the registry where there is only one.
form_of() {
    case $1 in
    @*) printf 'full\n' ;;
    *) printf 'bare\n' ;;
    esac
}

# A mount that knows everything but the results of queries.
warm_mount() {
    mount_start --ttl 600
    ls "$MNT/filters" "$MNT/filters"/*/collections >/dev/null
    ls "$MNT/filters/model/versions/@alias=nobody" "$MNT/advanced/model/versions/@alias=nobody"
    reset_counts
}

# The last filters on the wire: the variables $@, one a line.
last_filters() {
    local variable
    for variable in "$@"; do
        control GET '/requests?last=1&target=graphql' | jq -r --arg name "$variable" '.[0].variables[$name]'
    done
}

errors() {
    cat "$MNT/.registryfs/errors"
}

@test "every query shows what its filter chooses, for one request a page" {
    local path registries collections versions count=0 wanted pages
    warm_mount
    while IFS=$'\t' read -r path registries collections versions; do
        oracle filters "$(form_of "$path")" "$registries" "$collections" "$versions" >wanted.txt
        reset_counts
        entries "$MNT/filters/$path" >found.txt || fail "$path" || return
        assert_same_text wanted.txt found.txt || fail "$path" || return
        wanted=$(wc -l <wanted.txt)
        pages=$(((wanted + 99) / 100))
        assert_requests $((pages > 0 ? pages : 1)) || fail "$path" || return
        count=$((count + 1))
    done < <(cases)
    [[ $count -ge 30 ]]
}

@test "what nothing is known of costs one request more" {
    local path registries collections versions
    mount_start --ttl 600
    stat "$MNT/filters"/{model,dataset,eval,prod-eu,prod-us}/collections >/dev/null
    while IFS=$'\t' read -r path registries collections versions; do
        reset_counts
        ls -U "$MNT/filters/$path" >found.txt
        assert_requests_at_most $((($(wc -l <found.txt) + 99) / 100 + 2)) || fail "$path" || return
        [[ ! -s found.txt ]] || assert_requests_at_most $((($(wc -l <found.txt) + 99) / 100 + 1)) ||
            fail "$path" || return
    done < <(cases | grep -v '@tag=eu/@') # the first chain to versions asks how they are searched
}

@test "results are symlinks to the real directories" {
    local path entry wanted registry collection version count=0
    warm_mount
    for path in '@{"name":{"$regex":"prod"}}' '@{}/@tag=dev' '@name=eval/@tag=dev/@alias=production' \
        'model/collections/@tag=prod' 'model/collections/@tag=prod/@version=3' \
        'model/versions/@alias=production'; do
        for entry in "$MNT/filters/$path"/*; do
            [[ -L $entry && -d $entry && $(readlink "$entry") != /* ]] || fail "$entry" || return
            wanted=${entry##*/}
            [[ $path == @* ]] || wanted=model:$wanted
            IFS=: read -r registry collection version <<<"$wanted"
            wanted=$MNT/filters/$registry
            [[ -z $collection ]] || wanted+=/collections/$collection
            [[ -z $version ]] || wanted+=/versions/$version
            assert_equal "$(realpath "$entry")" "$wanted" || return
            assert_equal "$(stat -c %Y "$entry")" "$(stat -Lc %Y "$entry")" || return
            count=$((count + 1))
        done
    done
    [[ $count -ge 30 ]]
    cat "$MNT/filters/model/versions/@alias=production"/*/id >/dev/null
}

@test "following a result to collections and registries costs nothing more" {
    warm_mount
    mount_stop
    mount_start --ttl 600
    ls "$MNT/filters/@name=eval" "$MNT/filters/@name=eval/@tag=dev" >/dev/null
    cat "$MNT/filters/@name=eval"/*/description >/dev/null
    reset_counts
    cat "$MNT/filters/@name=eval/@tag=dev"/*/name >/dev/null
    assert_requests 0
}

# on_the_wire PATH VARIABLES TEXT…: what the server was asked with.
on_the_wire() {
    local path=$1 variables=$2 variable text
    shift 2
    ls -U "$MNT/filters/$path" >/dev/null
    for variable in $variables; do
        text=$(last_filters "$variable")
        assert_equal "$text" "$1" || fail "$path: $variable" || return
        shift
    done
}

@test "the filter's text on the wire" {
    warm_mount
    on_the_wire '@name=model' filters '{"name":"wandb-registry-model"}'
    on_the_wire '@{"name": {"$regex": "^model"}}' filters '{"name":{"$regex":"^model"}}'
    on_the_wire '@{"name":{"$in":["a","wandb-registry-b"]},"$not":{"name":{"$contains":"c"}}}' filters \
        '{"name":{"$in":["wandb-registry-a","wandb-registry-b"]},"$not":{"name":{"$contains":"wandb-registry-c"}}}'
    on_the_wire '@id=5,description=a%2Fb' filters '{"id":5,"description":"a/b"}'
    on_the_wire 'model/collections/@name=churn,tag=prod' 'projectFilters filters' \
        '{"name":"wandb-registry-model"}' '{"name":"churn","tag":"prod"}'
    on_the_wire 'model/collections/@{"id":{"$gt":12345678901234567890}}' filters \
        '{"artifact_collection_id":{"$gt":12345678901234567890}}'
    on_the_wire 'model/collections/@tag=a,tag=b' filters '{"$and":[{"tag":"a"},{"tag":"b"}]}'
    on_the_wire 'model/versions/@{"metadata.x":{"$lte":1.50e-07},"alias":"\u00fc"}' \
        'projectFilters collectionFilters filters' '{"name":"wandb-registry-model"}' null \
        '{"metadata.x":{"$lte":1.50e-07},"alias":"\u00fc"}'
    on_the_wire 'model/versions/@metadata.epochs=5,metadata.note="5",metadata.ok=true' filters \
        '{"metadata.epochs":5,"metadata.note":"5","metadata.ok":true}'
    on_the_wire '@name=model/@tag=prod' 'projectFilters filters' \
        '{"name":"wandb-registry-model"}' '{"tag":"prod"}'
    on_the_wire '@name=model/@tag=prod/@alias=best' 'projectFilters collectionFilters filters' \
        '{"name":"wandb-registry-model"}' '{"tag":"prod"}' '{"alias":"best"}'
    on_the_wire 'model/collections/@tag=prod/@alias=best' 'projectFilters collectionFilters filters' \
        '{"name":"wandb-registry-model"}' '{"tag":"prod"}' '{"alias":"best"}'
}

@test "an organization with the advanced search: its names for versions, the basic ones elsewhere" {
    mount_start --ttl 600
    stat "$MNT/advanced/model" >/dev/null
    reset_counts
    oracle advanced bare '{}' - '{"tag":"gpu","version":{"$lt":7}}' >wanted.txt
    entries "$MNT/advanced/model/versions/"'@{"tags":"gpu","version_index":{"$lt":7}}' >found.txt
    assert_same_text wanted.txt found.txt
    assert_equal "$(last_filters filters)" '{"tag":"gpu","version":{"$lt":7}}'
    assert_equal "$(operation_count FetchAdvancedRegistryFeatures)" 1
    entries "$MNT/advanced/@name=model,id=1/@tag=prod/@tag=gpu" >found.txt
    assert_equal "$(last_filters projectFilters)" '{"name":"wandb-registry-model","project_id":1}'
    entries "$MNT/advanced/@name=model/@{}/"'@{"created_at":{"$gt":"2024-02-01"},"artifact_size":{"$gt":50}}' >found.txt
    assert_equal "$(last_filters filters)" '{"artifact_created_at":{"$gt":"2024-02-01"},"artifact_size":{"$gt":50}}'
    oracle advanced full '{}' '{}' '{"created_at":{"$gt":"2024-02-01"},"size":{"$gt":50}}' >wanted.txt
    assert_same_text wanted.txt found.txt
    ls "$MNT/advanced/model/collections/@id=1" >/dev/null
    assert_equal "$(last_filters filters)" '{"artifact_collection_id":1}'
    assert_equal "$(operation_count FetchAdvancedRegistryFeatures)" 1
    fails_with "Invalid argument" stat "$MNT/advanced/model/versions/@updated_at=2024-01-01"
    fails_with "Invalid argument" stat "$MNT/advanced/@description=x/@tag=prod/@alias=best"
    [[ $(errors) == *"in the advanced search for versions, registries are filtered by project_id, name, entity_id"* ]]
}

@test "no advanced search without the feature, or when asking for it fails" {
    control POST /features '{"ARTIFACT_COLLECTIONS_FILTERING_SORTING": false}' >/dev/null
    mount_start --ttl 600
    ls "$MNT/advanced/model/versions/@alias=production" >/dev/null
    assert_equal "$(operation_count FetchAdvancedRegistryFeatures)" 0
    fails_with "Invalid argument" stat "$MNT/advanced/model/versions/@tags=gpu"
    mount_stop
    control POST /features '{"ARTIFACT_COLLECTIONS_FILTERING_SORTING": true}' >/dev/null
    mount_start --ttl 600
    fault errors operation '"FetchAdvancedRegistryFeatures"' status 403 \
        errors '[{"message": "permission denied"}]'
    fails_with "Invalid argument" stat "$MNT/advanced/model/versions/@tags=gpu"
    [[ $(ls "$MNT/advanced/model/versions/@tag=gpu" | wc -l) -eq 48 ]]
}

@test "a filter that makes no sense: Invalid argument at once, and the reason in errors" {
    local bad reason
    warm_mount
    while IFS=$'\t' read -r bad reason; do
        fails_with "Invalid argument" stat "$MNT/filters/$bad" || return
        [[ $(errors | tail -n 1) == *"lookup filters/$bad EINVAL"*"$reason"* ]] ||
            fail "$bad: $(errors | tail -n 1)" || return
    done <<'CASES'
@	FIELD=VALUE
@tag	there is no =
@tag=prod	registries are filtered by id, name, entity_id, description, created_at, updated_at
@{"name"	bad JSON
@{"name":{"$like":"x"}}	unknown operator "$like"; there are $and
@{"name":{"$in":"x"}}	$in needs a list
@{"name":"a","name":"b"}	stands twice
model/collections/@alias=best	collections are filtered by
model/versions/@name=churn	versions are filtered by
model/versions/@{"tag":{"$exists":"yes"}}	true or false
model/versions/@alias=best/@tag=gpu	put all conditions into one filter
@name=model/@tag=prod/@colour=red	versions are filtered by
CASES
    assert_requests 2 # the results that the last two could have been names in
    fails_with "No such file" stat "$MNT/filters/model/collections/churn-0-0/versions/@alias=production"
}

@test "a filter that the server refuses: its words" {
    warm_mount
    stat "$MNT/filters/model/versions/"'@{"created_at":"soon"}' >/dev/null
    fails_with "Invalid argument" ls "$MNT/filters/model/versions/"'@{"created_at":"soon"}'
    [[ $(errors | tail -n 1) == *'EINVAL invalid date: soon' ]]
    fails_with "Invalid argument" ls "$MNT/filters/@name=x/"'@{"name":{"$regex":"("}}'
    [[ $(errors | tail -n 1) == *'EINVAL invalid regular expression'* ]]
    fails_with "Invalid argument" stat "$MNT/filters/@name=x/"'@{"name":{"$regex":"("}}/x'
}

@test "find and ls -R never meet a query, completion asks for nothing more" {
    mount_start --ttl 600
    ls "$MNT/filters/@name=model" "$MNT/filters/model/collections/@tag=prod" \
        "$MNT/filters/model/versions/@alias=production" >/dev/null
    find "$MNT/filters" -path '*/files' -prune -o -print >found.txt
    LC_ALL=C ls -R "$MNT/filters/model" >>found.txt
    [[ $(wc -l <found.txt) -gt 1000 ]]
    run ! grep -F @ found.txt
    reset_counts
    run -1 bash -c "compgen -d '$MNT/filters/@na'"
    run -1 bash -c "compgen -d '$MNT/filters/model/collections/@tag='"
    assert_requests 0
}

@test "a name with @ that is not typed in full costs one request at most" {
    mount_start --ttl 600
    stat "$MNT/filters/model/collections" >/dev/null
    reset_counts
    fails_with "Invalid argument" stat "$MNT/filters/model/collections/@ta"
    assert_requests 1
    fails_with "Invalid argument" stat "$MNT/filters/model/versions/@ta"
    assert_requests 1
    stat "$MNT/filters/model/collections/@tag=" >/dev/null
    assert_requests 2
}

query_is_back() {
    [[ $(ls "$MNT/filters/@name=model" 2>/dev/null) == model ]]
}

@test "an object wins over the query of the same text" {
    mount_start --ttl 1
    [[ $(ls "$MNT/filters/@name=model") == model ]]
    upsert_registry filters-entity '@name=model' description '"A registry."'
    eventually 60 test -e "$MNT/filters/@name=model/description"
    [[ $(cat "$MNT/filters/@name=model/description") == 'A registry.' ]]
    ls "$MNT/filters" | grep -qxF '@name=model'
    [[ $(ls "$MNT/filters/@name=@name=model") == @name=model ]]
    [[ -L $MNT/filters/@name=@name=model/@name=model ]]
    mount_stop
    mount_start --ttl 1
    [[ $(cat "$MNT/filters/@name=model/description") == 'A registry.' ]]
    delete_registry filters-entity '@name=model'
    eventually 60 query_is_back
}

@test "a result is as old as any listing" {
    mount_start --ttl 1
    run ! ls "$MNT/filters/model/versions/@alias=fresh/churn-0-0:v1"
    set_alias filters-entity model churn-0-0 v1 fresh
    eventually 60 test -L "$MNT/filters/model/versions/@alias=fresh/churn-0-0:v1"
    mount_stop
    mount_start --ttl 600
    assert_equal "$(ls "$MNT/filters/model/versions/@alias=fresh2")" ""
    set_alias filters-entity model churn-0-0 v2 fresh2
    assert_equal "$(ls "$MNT/filters/model/versions/@alias=fresh2")" ""
    touch "$MNT/filters/model/versions/@alias=fresh2"
    assert_equal "$(ls "$MNT/filters/model/versions/@alias=fresh2")" churn-0-0:v2
}

@test "results are there while the server is not" {
    mount_start --ttl 1
    ls "$MNT/filters/model/collections/@tag=prod" >before.txt
    fault status status 503
    sleep 1.2
    ls "$MNT/filters/model/collections/@tag=prod" >after.txt
    assert_same_text before.txt after.txt
}

@test "nothing in a result can be changed" {
    warm_mount
    fails_with "Read-only file system" mkdir "$MNT/filters/@name=model/new"
    fails_with "Read-only file system" rm "$MNT/filters/@name=model/model"
    fails_with "Read-only file system" touch "$MNT/filters/model/collections/@tag=prod/new"
    run ! rmdir "$MNT/filters/@name=model"
    run ! mv -T "$MNT/filters/@name=model" "$MNT/filters/other"
    run ! mv -T "$MNT/filters/eval" "$MNT/filters/@name=model"
    run ! mkdir "$MNT/filters/@new"
    [[ -d $MNT/filters/eval/collections ]]
    assert_equal "$(control GET /counts | jq '[.operations | keys[] | select(test("^(Rename|Delete|Upsert)"))] | length')" 0
}

@test "a query below another root of the mount" {
    mount_start --ttl 600 filters
    [[ -d $MNT/@name=model/model/collections && -d $MNT/@name=model/@tag=prod/model:churn-0-0/versions ]]
    mount_stop
    mount_start --ttl 600 filters/model
    [[ -d $MNT/collections/@tag=prod/churn-0-0/versions ]]
    [[ -d $MNT/versions/@alias=production/churn-0-0:v4/files ]]
    mount_stop
    mount_start --ttl 600 filters/model/collections
    [[ -d $MNT/@tag=prod/churn-0-0/versions && -d $MNT/@tag=prod/@version=3/churn-0-0:v3/files ]]
}

@test "a filter may be longer than a file's name" {
    local names
    names=$(printf '"x%s",' {1..100})
    warm_mount
    assert_equal "$(ls "$MNT/filters/model/collections/@{\"name\":{\"\$in\":[$names\"churn-0-0\"]}}")" churn-0-0
    fails_with "File name too long" stat "$MNT/filters/@name=$(printf 'x%.0s' {1..1100})"
}

# Looks into queries FROM…TO, all different, as ls -l does.
many_queries() {
    python3 - "$MNT/filters/model/collections" "$1" "$2" <<'PYTHON'
import os, sys
directory, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(first, last):
    found = list(os.scandir(f'{directory}/@{{"name":{{"$ne":"x{i}"}}}}'))
    assert len(found) == 12, found
    for entry in found:
        entry.stat(follow_symlinks=False)
PYTHON
}

resident() {
    sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$PID/status"
}

@test "10,000 different queries do not grow memory" {
    local before after
    warm_mount
    many_queries 0 2000
    before=$(resident)
    many_queries 2000 10000
    after=$(resident)
    [[ $(status_value cached_objects) -lt 12000 ]] || fail "$(status_value cached_objects) objects" || return
    # Sanitizers keep what was freed.
    [[ $(ldd "$REGISTRYFS") == *san* ]] || [[ $((after - before)) -lt 4096 ]] || fail "$before $after"
}

# The commands of a document's section on filters, in the sample organization.
examples_run() {
    local command count=0
    while IFS= read -r command; do
        (cd "$MNT" && within 20000 bash -c "$command") >found.txt || fail "failed: $command" || return
        [[ -s found.txt ]] || fail "shows nothing: $command" || return
        count=$((count + 1))
    done
    [[ $count -ge 5 ]] || fail "$count examples"
}

@test "the examples in the README and the manual page" {
    sandbox_start sample
    mount_start --ttl 600
    sed -n '/^## Browse/,/^## /s/^    \(\(ls\|cat\) .*\)/\1/p' "$ROOT/README.md" >readme.txt
    sed -n '/^\.Ss Filters/,/^\.S[sh] [^F]/p' "$ROOT/contrib/registryfs.1" |
        sed -n 's/\\&//g; s/\\(dq/"/g; s/\\e/\\/g; /^\(ls\|cat\) /p' >manual.txt
    examples_run <readme.txt
    examples_run <manual.txt
}
