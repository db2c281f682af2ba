# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# Driving real programs: each changes the first line of an attribute, or replaces its whole text, on
# a server that accepts, refuses, or is gone. A suite loads this after lib/editing.
#
# Every attempt sets: STATUS (exit status; "running": an editor that did not end), SCREEN (what a
# person sees), and appends to the matrix when REGISTRYFS_MATRIX names a file.

TMUX_PANE_SIZE=(-x 110 -y 40)

# The registry in its first state: description of 10 KB, organization, types dataset, evaluation-set.
fresh_registry() {
    control DELETE /faults >/dev/null
    control POST /seed '"sample"' >/dev/null
    long_text >old.description
    upsert_registry "$ENTITY" dataset description "$(jq -Rs 'rtrimstr("\n")' <old.description)"
    printf 'organization\n' >old.visibility
    printf 'dataset\nevaluation-set\n' >old.artifact_types
    remove_scratch
    touch "$MNT/acme"
    reset_counts
}

# What a killed editor has left (swap files): the next one would ask about it.
remove_scratch() {
    local name
    rm -rf "$XDG_STATE_HOME/nvim" "$HOME/.local/share/nvim" "$HOME/.config/micro/backups"
    while IFS= read -r name; do
        [[ " $PLAIN_NAMES " == *" $name "* ]] || rm -f "$MNT/acme/dataset/$name"
    done < <(ls -A "$MNT/acme/dataset")
}

# The new first line(s) of attribute $1 by tool $2.
first_lines() {
    case $1 in
    description) printf 'Edited with %s.\n' "$2" ;;
    visibility) printf 'restricted\n' ;;
    artifact_types) printf 'report\ndataset\n' ;;
    esac
}

# new.ATTRIBUTE: what the attribute should be afterwards.
write_expected() {
    {
        first_lines "$1" "$2"
        tail -n +2 "old.$1"
    } >"new.$1"
}

# Types the first lines into an editor in a terminal: type_first_lines ATTRIBUTE TOOL.
type_first_lines() {
    local line first=1
    while IFS= read -r line; do
        [[ $first == 1 ]] || keys Enter
        first=0
        literally "$line"
    done < <(first_lines "$1" "$2")
}

keys() {
    tmux -L "$TMUX_SOCKET" send-keys -t editor "$@"
    sleep 0.1
}

literally() {
    tmux -L "$TMUX_SOCKET" send-keys -t editor -l "$1"
    sleep 0.1
}

screen() {
    tmux -L "$TMUX_SOCKET" capture-pane -p -t editor 2>/dev/null
}

screen_shows() {
    screen | grep -qF -- "$1"
}

has_ended() {
    [[ -s ended ]] || ! tmux -L "$TMUX_SOCKET" has-session -t editor 2>/dev/null
}

# in_terminal COMMAND FILE: runs it in tmux and waits until the file's text is shown.
in_terminal() {
    TMUX_SOCKET=editing-$$
    rm -f ended
    SEEN=
    TERM=xterm-256color tmux -L "$TMUX_SOCKET" -f /dev/null new-session -d "${TMUX_PANE_SIZE[@]}" -s editor \
        "exec 3>&-; $1 '$2'; printf '%s\n' \$? > '$PWD/ended'; sleep 1"
    tmux -L "$TMUX_SOCKET" set -g escape-time 0
    if ! eventually 20 screen_shows "$(head -n 1 "$2" | cut -c 1-20)"; then
        screen >&2
        return 1
    fi
    sleep 0.3
    server_goes
}

# Ends the server where that is what is tried, once what it said is older than a second.
server_goes() {
    [[ ${GOES_AWAY:-no} == yes ]] || return 0
    cat "$MNT/acme/dataset/description" >/dev/null
    sandbox_stop
    sleep 1.1
}

# What is to be seen after the save, before the editor is told to quit.
look() {
    sleep 0.5
    SEEN=$(screen || true)
}

# Waits for the editor's end; an editor that asks or complains does not end.
end_terminal() {
    local deadline=$(($(now_ms) + $1))
    until has_ended || (($(now_ms) > deadline)); do sleep 0.1; done
    SCREEN=$SEEN$'\n'$(screen || true)
    STATUS=running
    [[ ! -s ended ]] || STATUS=$(cat ended)
    stop_terminal
}

# Ends the editor with its terminal, as when a window is closed, and waits for it.
stop_terminal() {
    local shell process processes
    shell=$(tmux -L "$TMUX_SOCKET" list-panes -t editor -F '#{pane_pid}' 2>/dev/null) || return 0
    mapfile -t processes < <(pgrep -P "$shell" || true)
    tmux -L "$TMUX_SOCKET" kill-server 2>/dev/null || true
    for process in "$shell" "${processes[@]}"; do
        wait_for_end "$process" 10 || kill -KILL "$process"
    done
}

# --- editors in a terminal: edit_NAME FILE ATTRIBUTE ---

edit_vi_like() {
    in_terminal "$3" "$1"
    literally cc
    type_first_lines "$2" "$3"
    keys Escape
    literally ':wq'
    keys Enter
}
edit_vim() { edit_vi_like "$1" "$2" vim; }
edit_nvim() { edit_vi_like "$1" "$2" nvim; }
edit_nvi() { edit_vi_like "$1" "$2" nvi; }
edit_nano() {
    in_terminal nano "$1"
    keys C-k
    type_first_lines "$2" nano
    keys Enter C-s
    look
    keys C-x
}
edit_emacs() {
    in_terminal 'emacs -nw' "$1"
    keys C-k
    type_first_lines "$2" emacs
    keys C-x C-s
    look
    keys C-x C-c
}
edit_micro() {
    in_terminal micro "$1"
    keys C-k
    type_first_lines "$2" micro
    keys Enter C-s
    look
    keys C-q
}
edit_mcedit() {
    in_terminal mcedit "$1"
    keys C-y
    type_first_lines "$2" mcedit
    keys Enter F2
    sleep 0.3
    keys Enter
    look
    keys F10
}
edit_joe() {
    in_terminal joe "$1"
    keys C-k u # it remembers where it was in a file
    keys C-y
    type_first_lines "$2" joe
    keys Enter C-k x
}
edit_ne() {
    in_terminal ne "$1"
    keys C-y
    type_first_lines "$2" ne
    keys Enter C-s
    look
    keys C-q
}
edit_kak() {
    in_terminal 'kak' "$1"
    literally xc
    type_first_lines "$2" kak
    keys Enter Escape
    literally ':wq'
    keys Enter
}
