# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# Editors in terminals. A suite loads this after lib/attempts. Each runs in a tmux session that has its
# name; the sessions of a test share one tmux server.

TMUX_SOCKET=editing-$$
TMUX_PANE_SIZE=(-x 250 -y 40) # messages that hold a path are not cut

in_tmux() {
    tmux -L "$TMUX_SOCKET" "$@"
}

attempt_now() {
    "edit_$TOOL" "$1" "$2" || return
    end_terminal
}

# Types the first lines of attribute $1.
type_first_lines() {
    local line first=1
    while IFS= read -r line; do
        [[ $first == 1 ]] || keys Enter
        first=0
        literally "$line"
    done <"first.$1"
}

keys() {
    in_tmux send-keys -t "=$TOOL:" "$@"
    sleep 0.1
}

literally() {
    in_tmux send-keys -t "=$TOOL:" -l "$1"
    sleep 0.1
}

screen() {
    in_tmux capture-pane -p -t "=$TOOL:" 2>/dev/null
}

screen_shows() {
    screen | grep -qF -- "$1"
}

has_ended() {
    [[ -s ended ]] || ! in_tmux has-session -t "=$TOOL" 2>/dev/null
}

# in_terminal COMMAND FILE: runs it in tmux and waits until the file's text is shown, as far as all show it
# alike: mg knows ASCII only.
in_terminal() {
    rm -f ended
    SEEN=
    TERM=xterm-256color in_tmux -f /dev/null new-session -d "${TMUX_PANE_SIZE[@]}" -s "$TOOL" \
        "exec 3>&-; $1 '$2'; printf '%s\n' \$? > '$PWD/ended'; sleep 600"
    in_tmux set -g escape-time 0
    if ! eventually 60 screen_shows "$(head -n 1 "$2" | cut -d ' ' -f 1,2)"; then
        screen >&2
        return 1
    fi
    sleep 0.3
    server_goes
}

# What is to be seen after the save, before the editor is told to quit: its question then takes the place
# of a complaint.
look() {
    sleep 0.5
    [[ ${FAILS:-no} == no ]] || eventually 20 screen_complains || true
    SEEN=$(screen || true)
}

screen_complains() {
    screen | complains
}

# An editor whose save has failed may ask before it quits, or not quit at all. Nothing is missed by not
# waiting longer once the text is kept and the editor has complained.
has_complained() {
    [[ ${FAILS:-no} == yes && -e $KEPT/description ]] && { printf '%s\n' "$SEEN" && screen; } | complains
}

# Waits for the editor's end; where the save fails, not for ever once the text is kept.
end_terminal() {
    local deadline=$(($(now_ms) + 60000)) patience=0
    until has_ended || has_complained || (($(now_ms) > deadline)); do
        if [[ ${FAILS:-no} == yes && $patience == 0 && -e $KEPT/description ]]; then
            patience=8000
            deadline=$(($(now_ms) + patience))
        fi
        sleep 0.1
    done
    SCREEN=$SEEN$'\n'$(screen || true)
    STATUS=running
    [[ ! -s ended ]] || STATUS=$(cat ended)
    stop_terminal
}

# Ends the editor with its terminal, as when a window is closed, and waits for it.
stop_terminal() {
    local shell process processes
    shell=$(in_tmux list-panes -t "=$TOOL:" -F '#{pane_pid}' 2>/dev/null) || return 0
    mapfile -t processes < <(pgrep -P "$shell" || true)
    in_tmux kill-session -t "=$TOOL" 2>/dev/null || true
    for process in "$shell" "${processes[@]}"; do
        wait_for_end "$process" 10 || kill -KILL "$process"
    done
}

# --- editors in a terminal: edit_NAME FILE ATTRIBUTE ---

edit_vi_like() {
    in_terminal "${3:-$TOOL}" "$1" || return
    literally cc
    type_first_lines "$2"
    keys Escape
    literally ':wq'
    keys Enter
}
edit_vim() { edit_vi_like "$@"; }
edit_nvim() { edit_vi_like "$@"; }
edit_nvi() { edit_vi_like "$@"; }
edit_vis() { edit_vi_like "$@"; }
edit_busybox_vi() { edit_vi_like "$@" 'busybox vi'; }
edit_nano() {
    in_terminal nano "$1" || return
    keys C-k
    type_first_lines "$2"
    keys Enter C-s
    look
    keys C-x
}
edit_emacs_like() {
    in_terminal "${3:-$TOOL}" "$1" || return
    keys C-k
    type_first_lines "$2"
    keys C-x C-s
    look
    keys C-x C-c
}
edit_emacs() { edit_emacs_like "$@" 'emacs -nw'; }
edit_mg() { edit_emacs_like "$@"; }
edit_jed() { edit_emacs_like "$@"; }
edit_dte() {
    in_terminal "dte +1" "$1" || return # it remembers where it was in a file
    keys C-x # without a selection the line
    type_first_lines "$2"
    keys Enter C-s
    look
    keys C-q
}
edit_micro() {
    in_terminal micro "$1" || return
    keys C-k
    type_first_lines "$2"
    keys Enter C-s
    look
    keys C-q
}
edit_mcedit() {
    in_terminal mcedit "$1" || return
    keys C-y
    type_first_lines "$2"
    keys Enter F2
    sleep 0.3
    keys Enter
    look
    keys F10
}
edit_joe() {
    in_terminal joe "$1" || return
    keys C-k u # it remembers where it was in a file
    keys C-y
    type_first_lines "$2"
    keys Enter C-k x
}
edit_ne() {
    in_terminal ne "$1" || return
    keys C-y
    type_first_lines "$2"
    keys Enter C-s
    look
    keys C-q
}
edit_kak() {
    in_terminal kak "$1" || return
    literally xc
    type_first_lines "$2"
    keys Enter Escape
    literally ':wq'
    keys Enter
}
