# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the benchmarks share: the machine, figures of repeated measurements, tables in Markdown.

# The machine and its software in one line: figures mean nothing without.
machine_line() {
    local cpu memory system
    cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1 | tr -s ' ')
    memory=$(awk '/^MemTotal:/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)
    system=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release)
    printf '%s x %s, %s, Linux %s, %s\n' "$(nproc)" "${cpu:-unknown CPU}" "$memory" \
        "$(uname -r)" "${system:-unknown system}"
}

# Seconds since some time in the past, with microseconds.
now() {
    printf '%s\n' "${EPOCHREALTIME/,/.}"
}

# seconds COMMAND…: runs it without output and prints how long it took; fails as it does.
seconds() {
    local start end
    start=$(now)
    "$@" >/dev/null || return
    end=$(now)
    calculate "$end - $start"
}

# calculate EXPRESSION: its value in awk's arithmetic.
calculate() {
    awk "BEGIN { printf \"%.6g\n\", $1 }"
}

# figures VALUE…: median, least and greatest, separated by tabs; three digits are enough.
figures() {
    printf '%s\n' "$@" | sort -g | awk '
        function short(number) { return sprintf(number < 100 ? "%.3g" : "%.0f", number) }
        { value[NR] = $1 }
        END {
            middle = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
            printf "%s\t%s\t%s\n", short(middle), short(value[1]), short(value[NR])
        }'
}

# Makes a table in Markdown of lines of cells separated by tabs; the first line is the head.
print_table() {
    awk -F '\t' '
        function pad(text, width) { return sprintf("%s%*s", text, width - length(text), "") }
        {
            for (i = 1; i <= NF; i++) {
                cell[NR, i] = $i
                if (length($i) > width[i]) width[i] = length($i)
            }
            if (NF > columns) columns = NF
        }
        END {
            for (row = 1; row <= NR; row++) {
                line = "|"
                rule = "|"
                for (i = 1; i <= columns; i++) {
                    line = line " " pad(cell[row, i], width[i]) " |"
                    dashes = pad("", width[i] + 2)
                    gsub(/ /, "-", dashes)
                    rule = rule dashes "|"
                }
                print line
                if (row == 1) print rule
            }
        }'
}
