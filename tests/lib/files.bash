# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The project's own files, for the checks.

# source_files PATTERN…: files that are (or will be) in the repository; git's pathspecs. Sources
# without a repository (an unpacked archive) are read as if they were one.
source_files() {
    local repository=()
    git -c safe.directory='*' rev-parse --is-inside-work-tree >/dev/null 2>&1 ||
        repository=(--git-dir="$(empty_repository)" --work-tree=.)
    git -c safe.directory='*' "${repository[@]}" ls-files --cached --others --exclude-standard -- "$@" |
        while IFS= read -r file; do
            [[ -f $file ]] && printf '%s\n' "$file"
        done
    return 0
}

empty_repository() {
    local directory=${BUILD_DIR:-build-tests}/no-repository
    mkdir -p "$directory"
    [[ -d $directory/.git ]] || git init --quiet "$directory" >&2
    printf '%s\n' "$directory/.git"
}

# Shell scripts by their ending or their first line.
shell_files() {
    source_files '*.bash' '*.bats' '*.sh'
    source_files contrib tests .ci | while IFS= read -r file; do
        [[ $file != *.* || $file == .ci/* ]] || continue
        head -c 80 "$file" | head -n 1 | grep -qE '^#!.*(bash|/sh)$' && printf '%s\n' "$file"
    done
    return 0
}
