#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The members of a registry (design 2, protocol 5.9): members/users/ and members/teams/.

# shellcheck disable=SC2034 # TOOL is for lib/editors

load lib/helpers
load lib/attempts
load lib/editors

setup_file() {
    suite_setup
    sandbox_start members
}

setup() {
    test_setup
    control DELETE /faults >/dev/null
    control POST /seed '"members"' >/dev/null
}

# Mounts with the options given.
mount_members() {
    mount_start "$@"
    MEMBERS=$MNT/acme/model/members
    ls "$MNT/acme/model" >/dev/null
    reset_counts
}

teardown() {
    in_tmux kill-server 2>/dev/null || true
    test_teardown
}

# The ids of acme/model and of a person in it, as variables.
ids() {
    graphql 'query R { project(name: "wandb-registry-model", entityName: "acme-org-entity") {
        id members { id username } } }' | jq -c --arg name "$1" '.data.project | {id, user: (.members[] |
        select(.username == $name) | .id)}'
}

# Each member with its role, a line each.
roles() {
    (cd "$MEMBERS" && grep -r '' users teams | LC_ALL=C sort)
}

SEEDED="\
teams/acme-data:auditor
teams/acme-ml:member
users/ada:admin
users/bob:member
users/masked@example.com:viewer
users/slash%2Fed:auditor
users/vera:viewer"

@test "every member is a file with the role" {
    mount_members --ttl 600
    assert_equal "$(roles)" "$SEEDED"
    assert_equal "$(graphql_count)" 1
    assert_equal "$(getfattr --absolute-names --only-values -n user.registryfs.name "$MEMBERS/users/slash%2Fed")" slash/ed
    grep -q 'list members.*model.*a person without a name' "$MNT/.registryfs/errors"
    assert_equal "$(stat -c %Y "$MEMBERS" "$MEMBERS/users" "$MEMBERS/users/bob" | sort -u)" \
        "$(stat -c %Y "$MNT/acme/model")"
}

@test "cp -a, tar and rsync take every role, for one request" {
    local copy
    mount_members --ttl 600
    cp -a "$MEMBERS" copied
    mkdir unpacked
    tar -C "${MEMBERS%/members}" -c members | tar -C unpacked -x
    rsync -a "$MEMBERS/" synced/
    for copy in copied unpacked/members synced; do
        assert_equal "$(cd "$copy" && grep -r '' users teams | LC_ALL=C sort)" "$SEEDED"
    done
    assert_equal "$(graphql_count)" 1
}

@test "find of a registry costs one request more" {
    mount_members --ttl 600
    find "$MNT/acme/model" -path "$MEMBERS" -prune -o -ls >/dev/null
    reset_counts
    ls -l "$MNT/acme/model" >/dev/null
    assert_equal "$(graphql_count)" 0
    find "$MNT/acme/model" -ls | grep -c /members/ >count
    assert_equal "$(cat count)" 9
    assert_equal "$(graphql_count)" 1
    assert_equal "$(operation_count RegistryMembers)" 1
}

@test "read-only: modes, changes, a registry without members" {
    mount_members -o ro
    assert_equal "$(stat -c %a "$MEMBERS" "$MEMBERS/users" "$MEMBERS/teams" "$MEMBERS/users/bob" | xargs)" "555 555 555 444"
    fails_with "Read-only file system" sh -c 'echo viewer >"$1"' - "$MEMBERS/users/bob"
    fails_with "Read-only file system" sh -c 'echo viewer >"$1"' - "$MEMBERS/users/eve"
    fails_with "Read-only file system" rm "$MEMBERS/users/bob"
    assert_equal "$(find "$MNT/acme/dataset/members" -printf '%P ' )" " users teams "
}

@test "an old server: members/ is absent, browsing goes on" {
    sandbox_start members
    mount_members --ttl 600
    control POST /schema '{"remove": ["Project.members", "Project.teamMembers"]}' >/dev/null
    run -0 --separate-stderr find "$MNT/acme/model" -path '*/files' -prune -o -print
    run -0 ls "$MNT/acme/model"
    [[ $output != *members* ]]
    fails_with "No such file or directory" ls "$MNT/acme/dataset/members"
}

@test "an old server that knows of no teams" {
    sandbox_start members
    mount_members --ttl 600
    control POST /schema '{"remove": ["Project.teamMembers"]}' >/dev/null
    assert_equal "$(ls "$MEMBERS")" users
    assert_equal "$(cat "$MEMBERS/users/bob")" member
}

@test "what others change is seen after the time to live" {
    mount_members --ttl 1
    assert_equal "$(cat "$MEMBERS/users/bob")" member
    graphql 'mutation M($id: ID!, $user: ID!) { updateProjectMember(input: { projectId: $id, userId: $user,
        userProjectRole: "viewer" }) { success } }' "$(ids bob)" >/dev/null
    eventually 60 grep -qx viewer "$MEMBERS/users/bob"
}

@test "a failed question is an errno" {
    mount_members --ttl 600
    fault status status 500
    fails_with "Input/output error" ls "$MEMBERS"
}

# --- writing ---

# server_role NAME: what the server has of a person or a team in acme/model; nothing: no member.
server_role() {
    graphql 'query R { project(name: "wandb-registry-model", entityName: "acme-org-entity") {
        members { username role { name } } teamMembers { team { name } role { name } } } }' |
        jq -r --arg name "$1" '.data.project | (.members[] | select(.username == $name) | .role.name),
            (.teamMembers[] | select(.team.name == $name) | .role.name)'
}

# alone COMMAND…: in a process group of its own, as a shell with job control gives each command.
alone() {
    python3 -c 'import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

# mutations: how often members were changed.
mutations() {
    control GET /counts | jq '[.operations | to_entries[] | select(.key | test("^(Create|Delete|Update)")) | .value] | add // 0'
}

@test "echo saves a role, in write" {
    mount_members
    echo viewer >"$MEMBERS/users/bob"
    assert_equal "$(server_role bob) $(cat "$MEMBERS/users/bob") $(stat -c %s "$MEMBERS/users/bob")" "viewer viewer 7"
    echo auditor >"$MEMBERS/teams/acme-ml"
    assert_equal "$(server_role acme-ml)" auditor
    echo '  admin  ' | tee "$MEMBERS/users/slash%2Fed" >/dev/null
    assert_equal "$(server_role slash/ed)" admin
    assert_equal "$(mutations)" 3
    echo viewer >"$MEMBERS/users/bob"
    assert_equal "$(mutations)" 3
    assert_equal "$(stat -c %a "$MEMBERS" "$MEMBERS/users" "$MEMBERS/users/bob" | xargs)" "555 755 644"
}

@test "roles that are refused: EINVAL, with the server's words" {
    mount_members
    local text
    for text in Viewer $'a\tb' $'\xff' ''; do
        fails_with "Invalid argument" bash -c 'printf "%s\n" "$2" >"$1"' - "$MEMBERS/users/bob" "$text"
    done
    fails_with "Invalid argument" bash -c 'printf "a\0b\n" >"$1"' - "$MEMBERS/users/bob"
    assert_equal "$(server_role bob) $(cat "$MEMBERS/users/bob")" "member member"
    grep -q 'EINVAL.*unknown role: Viewer' "$MNT/.registryfs/errors"
    grep -qx Viewer "$MNT/.registryfs/unsaved/acme/model/members%2Fusers%2Fbob"*
    echo viewer >"$MEMBERS/users/bob"
    assert_equal "$(server_role bob)" viewer
    assert_equal "$(ls "$MNT/.registryfs/unsaved")" ""
}

@test "emptied and touched: nothing is sent" {
    mount_members
    : >"$MEMBERS/users/bob"
    touch "$MEMBERS/users/bob"
    truncate -s 0 "$MEMBERS/users/bob"
    assert_equal "$(cat "$MEMBERS/users/bob") $(mutations)" "member 0"
}

# Whether the process has bob's file as its output.
holds_open() {
    [[ $(readlink "/proc/$1/fd/1") == */users/bob ]]
}

@test "somebody else's change since it was opened: ESTALE" {
    mount_members --ttl 600
    cat "$MEMBERS/users/bob" >/dev/null
    change() {
        graphql 'mutation M($id: ID!, $user: ID!) { updateProjectMember(input: { projectId: $id, userId: $user,
            userProjectRole: "auditor" }) { success } }' "$(ids bob)" >/dev/null
        printf 'viewer\n'
    }
    # dd opens the file, then reads what is only written after the change.
    mkfifo text
    dd of="$MEMBERS/users/bob" status=none <text 2>words &
    local writer=$!
    exec 6>text
    eventually 60 holds_open "$writer"
    change >&6
    exec 6>&-
    run ! wait "$writer"
    grep -q "Stale file handle" words
    assert_equal "$(server_role bob)" auditor
    echo viewer >"$MEMBERS/users/bob"
    assert_equal "$(server_role bob)" viewer
}

@test "two mounts change the same member" {
    mount_members --ttl 600
    local first=$MEMBERS
    cat "$first/users/bob" >/dev/null
    mount_members --ttl 600
    echo auditor >"$MEMBERS/users/bob"
    touch "$first/users" # what it read a moment ago would do
    echo viewer >"$first/users/bob"
    assert_equal "$(server_role bob)" viewer
    assert_equal "$(cat "$first/users/bob")" viewer
}

@test "a file adds a member, with the role" {
    mount_members
    echo viewer >"$MEMBERS/users/ci-bot" || fail "$(cat "$MNT/.registryfs/errors")"
    assert_equal "$(server_role ci-bot) $(cat "$MEMBERS/users/ci-bot")" "viewer viewer"
    ls "$MEMBERS/users" | grep -qx ci-bot
    ls "$MNT/acme/dataset/members" >/dev/null
    echo admin >"$MNT/acme/dataset/members/teams/acme-data"
    echo viewer >"$MNT/acme/dataset/members/users/slash%2Fed"
    assert_equal "$(cat "$MNT/acme/dataset/members/users/slash%2Fed")" viewer
    fails_with "Invalid argument" bash -c 'echo Viewer >"$1"' - "$MNT/acme/dataset/members/users/vera"
    fails_with "No such file or directory" cat "$MNT/acme/dataset/members/users/vera"
}

@test "the exact name only: unknown people and teams are ENOENT before a text is typed" {
    sandbox_start members --param search=1
    mount_members
    local name
    for name in users/bobb users/nobody-of-that-name teams/acme teams/ada teams/acme-org-entity; do
        fails_with "No such file or directory" bash -c 'echo viewer >"$1"' - "$MEMBERS/$name"
    done
    assert_equal "$(mutations)" 0
    echo viewer >"$MEMBERS/users/bobby"
    assert_equal "$(server_role bobby)" viewer
}

@test "names of digits are people's, but for those that vim tries; cp of an unknown name fails" {
    mount_members
    printf 'viewer\n' >role.txt
    fails_with "ermission denied" cp role.txt "$MEMBERS/users/12345"
    fails_with "ermission denied" cp role.txt "$MEMBERS/users/nobody-so-called"
    cp role.txt "$MEMBERS/users/5036"
    rm "$MEMBERS/users/5036"
    assert_equal "$(mutations)" 0
}

@test "somebody else has removed the member since it was opened: ESTALE, then it is added again" {
    mount_members --ttl 600
    cat "$MEMBERS/users/bob" "$MEMBERS/teams/acme-ml" >/dev/null
    local opened
    exec {opened}>"$MEMBERS/users/bob"
    graphql 'mutation M($id: ID!, $users: [ID!]!) { deleteProjectMembers(input: { projectId: $id, userIds: $users,
        teamIds: [] }) { success } }' "$(ids bob | jq -c '{id, users: [.user]}')" >/dev/null
    assert_equal "$(server_role bob)" ""
    fails_with "tale file handle" bash -c 'echo viewer >&"$1"' - "$opened"
    exec {opened}>&-
    assert_equal "$(server_role bob)" ""
    fails_with "No such file or directory" cat "$MEMBERS/users/bob"
    echo viewer >"$MEMBERS/users/bob"
    assert_equal "$(server_role bob)" viewer
}

@test "a server that does not let one search: EACCES for people of no team" {
    mount_members
    fails_with "ermission denied" bash -c 'echo viewer >"$1"' - "$MEMBERS/users/bobby"
    assert_equal "$(mutations)" 0
    grep -q 'EACCES.*does not let you search' "$MNT/.registryfs/errors"
}

@test "touch and an empty file add nobody" {
    mount_members
    touch "$MEMBERS/users/ci-bot"
    : >"$MEMBERS/users/ci-bot"
    assert_equal "$(mutations)" 0
    fails_with "No such file or directory" stat "$MEMBERS/users/ci-bot"
    assert_equal "$(ls "$MEMBERS/users" | grep -c ci-bot)" 0
}

@test "rm of one file removes the member; another one typed afterwards, too" {
    mount_members
    run -0 alone rm "$MEMBERS/users/bob"
    assert_equal "$(server_role bob)" ""
    fails_with "No such file or directory" stat "$MEMBERS/users/bob"
    run -0 alone rm "$MEMBERS/users/vera"
    run -0 alone rm "$MEMBERS/teams/acme-ml"
    assert_equal "$(server_role vera)$(server_role acme-ml)" ""
    assert_equal "$(ls "$MEMBERS/users" "$MEMBERS/teams" | grep -cE '^(bob|vera|acme-ml)$')" 0
}

@test "without the right: EACCES, nothing changed, the server's words" {
    WANDB_API_KEY=feed00000000000000000000000000000000beef mount_members
    fails_with "ermission denied" bash -c 'echo admin >"$1"' - "$MEMBERS/users/vera"
    fails_with "ermission denied" alone rm "$MEMBERS/users/bob"
    assert_equal "$(server_role vera) $(server_role bob)" "viewer member"
    grep -q 'EACCES' "$MNT/.registryfs/errors"
}

@test "what members cannot do: EPERM" {
    mount_members
    fails_with "Operation not permitted" mv "$MEMBERS/users/bob" "$MEMBERS/users/robert"
    fails_with "Operation not permitted" mv -T "$MEMBERS/users/bob" "$MEMBERS/users/vera"
    fails_with "Operation not permitted" mkdir "$MEMBERS/users/new"
    fails_with "Read-only file system" mkdir "$MEMBERS/robots"
    fails_with "Operation not permitted" ln -s bob "$MEMBERS/users/robert"
    fails_with "Operation not permitted" ln "$MEMBERS/users/bob" "$MEMBERS/users/robert"
    assert_equal "$(mutations)" 0
    assert_equal "$(roles)" "$SEEDED"
}

@test "cp -p and mv between registries add and remove" {
    mount_members
    local other=$MNT/acme/dataset/members/users
    ls "$other" >/dev/null
    run -0 alone cp -p "$MEMBERS/users/vera" "$other/"
    assert_equal "$(cat "$other/vera")" viewer
    run -0 alone mv "$MEMBERS/users/slash%2Fed" "$other/"
    assert_equal "$(cat "$other/slash%2Fed")$(server_role slash/ed)" auditor
}

@test "nano and vim in a terminal" {
    local TOOL
    mount_members
    TOOL=nano
    in_terminal nano "$MEMBERS/users/bob"
    keys C-k
    literally viewer
    keys Enter C-s
    look
    keys C-x
    end_terminal
    assert_equal "$(server_role bob)" viewer
    TOOL=vim
    in_terminal vim "$MEMBERS/teams/acme-data"
    literally ccadmin
    keys Escape
    literally ':wq'
    keys Enter
    end_terminal
    assert_equal "$(server_role acme-data)" admin
    assert_equal "$(find "$MEMBERS" -type f -printf "%P\n" | LC_ALL=C sort | xargs)" \
        "teams/acme-data teams/acme-ml users/ada users/bob users/masked@example.com users/slash%2Fed users/vera"
}

@test "sed, perl, vim, tee and cp" {
    mount_members
    sed -i s/member/viewer/ "$MEMBERS/users/bob"
    assert_equal "$(server_role bob)" viewer
    vim -N -u NONE -es -c '%s/viewer/auditor/' -c wq "$MEMBERS/users/bob" </dev/null
    assert_equal "$(server_role bob)" auditor
    perl -pi -e s/auditor/admin/ "$MEMBERS/teams/acme-data" || fail "$(cat "$MNT/.registryfs/errors")"
    assert_equal "$(server_role acme-data)" admin
    python3 - "$MEMBERS/users/bob" <<'SCRIPT'
import os, sys, tempfile
with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(sys.argv[1]), delete=False) as file:
    file.write("restricted_viewer\n")
os.replace(file.name, sys.argv[1])
SCRIPT
    assert_equal "$(server_role bob)" restricted_viewer
    echo member | tee "$MEMBERS/users/bob" >/dev/null
    assert_equal "$(server_role bob)" member
    echo auditor >new.txt
    alone mv new.txt "$MEMBERS/users/bob" || fail "$(cat "$MNT/.registryfs/errors")"
    assert_equal "$(server_role bob)" auditor
    cp "$MEMBERS/users/vera" role.txt
    cp role.txt "$MEMBERS/users/bob"
    assert_equal "$(server_role bob)" viewer
    assert_equal "$(find "$MEMBERS/users" -mindepth 1 -printf "%f\n" | LC_ALL=C sort | xargs)" "ada bob masked@example.com slash%2Fed vera"
}

# --- a server that fails ---

# attempt ACT: gives bob a role, adds ci-bot, removes vera.
attempt() {
    case $1 in
        change) echo viewer >"$MEMBERS/users/bob" ;;
        add) echo viewer >"$MEMBERS/users/ci-bot" ;;
        remove) alone rm "$MEMBERS/users/vera" ;;
    esac
}

# meets ACT EXPECTED FAULT: what an act ends with ("ok", or the words of its error) when its mutations
# meet a fault; the server has the change then and only then, and the mount shows what the server has.
meets() {
    local act=$1 expected=$2 fault=$3 operation
    local -A user=([change]=bob [add]=ci-bot [remove]=vera) wanted=([change]=viewer [add]=viewer [remove]="")
    local before
    before=$(server_role "${user[$act]}")
    for operation in CreateRegistryMembers UpdateUserRegistryRole DeleteRegistryMembers; do
        control POST /faults "$(jq -c --arg operation "$operation" \
            '{target: "graphql", times: -1, operation: $operation} + .' <<<"$fault")" >/dev/null
    done
    if attempt "$act" 2>words; then
        echo ok >words
    fi
    control DELETE /faults >/dev/null
    grep -q "$expected" words || fail "$act, $fault: $(cat words)" || return
    [[ $expected == ok ]] || wanted[$act]=$before
    assert_equal "$(server_role "${user[$act]}")" "${wanted[$act]}" || return
    touch "$MEMBERS/users"
    eventually 60 test "$(cat "$MEMBERS/users/${user[$act]}" 2>/dev/null)" = "${wanted[$act]}"
}

@test "mutations that fail change nothing, lost answers are looked for" {
    local act expected fault
    local refused='{"kind": "status", "status": 200, "content_type": "application/json", "body": "{\"data\": {\"result\": {\"success\": false}}}"}'
    while read -r expected fault; do
        for act in change add remove; do
            control POST /seed '"members"' >/dev/null
            mount_members --timeout 2
            ls "$MNT/acme/dataset/members" >/dev/null
            cat "$MEMBERS/users/bob" >/dev/null
            meets "$act" "${expected//-/ }" "$fault" || return
            mount_stop
        done
    done <<END
ok                {"kind": "delay", "ms": 10}
ok                {"kind": "lose_answer"}
ok                {"kind": "set_at", "path": ["data", "result", "success"], "value": false}
Input/output      $refused
Input/output      {"kind": "status", "status": 500}
Input/output      {"kind": "bad_json", "body": "{"}
denied            {"kind": "status", "status": 403}
busy              {"kind": "status", "status": 429}
timed-out         {"kind": "hang"}
END
}

# --- deleters ---

@test "no recursive deleter removes a member" {
    mount_members
    local deleter deleters=()
    for deleter in 'rm -rf "$1"' 'rm -r "$1/users"' 'find "$1" -delete' 'find "$1" -type f -exec rm -f {} +' \
        'find "$1" -type f | xargs -n 1 rm -f' 'cd "$1/users" && for f in *; do rm -f "$f"; done' \
        'python3 -c "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)" "$1"' \
        'mkdir -p empty && rsync -r --delete --force empty/ "$1/users/"' \
        'perl -MFile::Path -e "File::Path::remove_tree(shift)" "$1"'; do
        setsid -w bash -c "$deleter" - "$MEMBERS" >/dev/null 2>&1 || true
        assert_equal "$(mutations)" 0 || fail "$deleter"
        deleters+=("$deleter")
    done
    for deleter in "${deleters[@]}"; do
        setsid -w bash -c "$deleter" - "${MEMBERS%/members}" >/dev/null 2>&1 || true
        assert_equal "$(mutations)" 0 || fail "$deleter, of the registry"
    done
    assert_equal "$(roles)" "$SEEDED"
    grep -q 'EPERM not removed: ' "$MNT/.registryfs/errors"
}

@test "one command removes one member" {
    mount_members
    cat "$MEMBERS/users/bob" >/dev/null
    fails_with "Operation not permitted" alone rm "$MEMBERS/users/bob" "$MEMBERS/users/vera"
    assert_equal "$(server_role bob)" ""
    assert_equal "$(server_role vera)" viewer
    fails_with "Operation not permitted" alone bash -c 'ls "$1" >/dev/null; rm "$1/vera"' - "$MEMBERS/users"
    assert_equal "$(server_role vera)" viewer
}

@test "the last admin, oneself: the server's word, as EACCES" {
    mount_members
    control POST /faults '{"target": "graphql", "operation": "DeleteRegistryMembers", "times": -1, "kind": "errors",
        "errors": "the last admin stays", "data": "null", "status": 409}' >/dev/null
    fails_with "ermission denied" alone rm "$MEMBERS/users/ada"
    assert_equal "$(server_role ada)" admin
    grep -q 'EACCES.*the last admin stays' "$MNT/.registryfs/errors"
    control DELETE /faults >/dev/null
    run -0 alone rm "$MEMBERS/users/ada"
    assert_equal "$(server_role ada)" ""
}

@test "who cannot be seen, in another PID namespace, removes nobody" {
    local mnt=$TEST_DIR/other daemon
    mkdir "$mnt"
    mkfifo ready
    unshare --pid --fork "$REGISTRYFS" -f --ready-fd 9 "$mnt" 9>ready >log 2>&1 3>&- &
    daemon=$!
    read -r _ <ready
    reset_counts
    fails_with "Operation not permitted" alone rm "$mnt/acme/model/members/users/bob"
    assert_equal "$(mutations)" 0
    grep -q 'EPERM.*another PID namespace' "$mnt/.registryfs/errors"
    fusermount3 -u "$mnt" || fusermount3 -uz "$mnt"
    wait "$daemon"
    assert_equal "$(server_role bob)" member
}
