# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The project's own files, for the checks.

# source_files PATTERN…: files that are (or will be) in the repository; git's pathspecs.
source_files() {
    git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" |
        while IFS= read -r file; do
            [[ -f $file ]] && printf '%s\n' "$file"
        done
    return 0
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
