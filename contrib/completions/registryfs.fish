# SPDX-License-Identifier: MIT
#
# Completion for fish. What options there are, and what they take, `registryfs --help` says.

complete -c registryfs -f -a '(__fish_complete_directories)'
for command in (registryfs --help 2>/dev/null | string replace -rf '^ +registryfs ([a-z]+) .*' '$1')
    complete -c registryfs -n __fish_is_first_arg -a $command
end
# What can follow -o: the long options that say how to mount, after those that stand there already.
function __registryfs_mount_options
    set -l before (string match -r '.*,' -- (commandline -ct | string replace -r '^-o' ''))
    for line in (registryfs --help 2>/dev/null)
        set -l part (string match -r '^  (?:-.,|   ) --([a-z_-]+)( [^ ]+|) ' -- $line)
        or continue
        contains -- $part[2] at debug dry-run exact exclude foreground help include jobs json list output overwrite pin quiet references status unpin version watch; and continue
        set -l value (test -n "$part[3]"; and echo =)
        printf '%s\n' "$before"(string replace -a - _ -- $part[2])"$value"
    end
end
complete -c registryfs -s o -x -a '(__registryfs_mount_options)' -d 'mount options'
for line in (registryfs --help 2>/dev/null)
    set -l part (string match -r '^  (-.,|   ) --([a-z_-]+)( [^ ]+|) *(.*)$' -- $line)
    or continue
    set -l letter (string trim -c '-, ' -- $part[2])
    set -l name $part[3]
    set -l argument (string trim -- $part[4])
    set -l options -l $name -d "$part[5]"
    test -n "$letter"; and set -a options -s $letter
    switch "$argument"
        case ''
        case FILE 'MOUNTPOINT|SOCKET'
            set -a options -r -F
        case DIR
            set -a options -x -a '(__fish_complete_directories)'
        case '*|*'
            set -a options -x -a (string replace -a '|' ' ' -- $argument)
        case '*'
            set -a options -x
    end
    complete -c registryfs $options
end
