# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion for bash. What options there are, and what they take, `registryfs --help` says.

# The argument of option $1 as --help calls it: "FILE", "never|empty|any"; nothing for a switch.
_registryfs_argument() {
    registryfs --help 2>/dev/null | sed -nE "s/^  (-., |    )$1 ([^ ]+).*/\2/p"
}

_registryfs_commands() {
    registryfs --help 2>/dev/null | sed -nE 's/^ +registryfs ([a-z]+) .*/\1/p'
}

# Completes what an argument of kind $1 can be.
_registryfs_values() {
    case $1 in
    FILE | 'MOUNTPOINT|SOCKET') mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    *'|'*) mapfile -t COMPREPLY < <(compgen -W "${1//|/ }" -- "$2") ;;
    esac
}

# What can follow -o: the long options that say how to mount, as NAME or NAME=.
_registryfs_mount_options() {
    registryfs --help 2>/dev/null |
        sed -nE 's/^  (-., |    )--([a-z_-]+)( ([^ ]+))?( .*|$)/\2 \4/p' |
        grep -vE '^(at|debug|dry-run|exact|exclude|foreground|help|include|jobs|json|list|output|overwrite|pin|quiet|references|status|unpin|version|watch) ' |
        while read -r name argument; do
            printf '%s\n' "${name//-/_}${argument:+=}"
        done
}

_registryfs() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} argument="" at
    # Behind `run … --` stands a command with completions of its own.
    for ((at = 2; at < COMP_CWORD; at++)); do
        if [[ ${COMP_WORDS[1]} == run && ${COMP_WORDS[at]} == -- ]]; then
            declare -F _command_offset >/dev/null && _command_offset $((at + 1))
            return
        fi
    done
    if [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $current == = ]]; then
        current=
    fi
    [[ $previous == --* ]] && argument=$(_registryfs_argument "$previous")
    if [[ $previous == -o ]]; then
        local before=${current%"${current##*,}"}
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -P "$before" -W "$(_registryfs_mount_options)" -- "${current##*,}")
    elif [[ -n $argument ]]; then
        compopt -o filenames 2>/dev/null
        _registryfs_values "$argument" "$current"
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W \
            "$(registryfs --help 2>/dev/null | grep -oE '^  (-., |    )--[a-z_-]+|^  -[a-zA-Z]' |
                grep -oE -- '-.*' | tr ',' '\n') -o" -- "$current")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(
            compgen -d -- "$current"
            ((COMP_CWORD > 1)) || compgen -W "$(_registryfs_commands)" -- "$current"
        )
    fi
}

complete -F _registryfs registryfs
