# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Another processor: a Debian of architecture $1 in a folder, to be built against with a cross compiler
# and run under qemu's user emulation.

# Why this machine cannot; nothing when it can.
cross_obstacle() {
    local tool
    for tool in "$(cross_gnu "$1")-gcc" debootstrap dpkg-deb; do
        command -v "$tool" >/dev/null || {
            printf 'no %s on this machine\n' "$tool"
            return
        }
    done
    [[ -n $(cross_emulator "$1") ]] || printf 'no qemu-user on this machine\n'
}

# GNU's name of Debian's architecture $1.
cross_gnu() {
    dpkg-architecture -a"$1" -qDEB_HOST_GNU_TYPE 2>/dev/null
}

cross_cpu() {
    dpkg-architecture -a"$1" -qDEB_HOST_GNU_CPU
}

cross_emulator() {
    command -v "qemu-$(cross_cpu "$1")-static" "qemu-$(cross_cpu "$1")" | head -n 1
}

# Prints the folder, made with the libraries that the program is built with when it is not there.
cross_root() {
    local folder=$builds/$1-root package link suite
    if [[ ! -d $folder ]]; then
        rm -rf "$folder.new"
        suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
        debootstrap --foreign --arch="$1" --variant=minbase \
            --include=libc6-dev,libfuse3-dev,libcurl4-openssl-dev,libjansson-dev,libssl-dev,libxxhash-dev \
            "$suite" "$folder.new" >&2 || return
        for package in "$folder.new"/var/cache/apt/archives/*.deb; do
            dpkg-deb --extract "$package" "$folder.new" || return
            rm "$package"
        done
        # They would point into this machine.
        find "$folder.new/usr" -lname '/*' | while read -r link; do
            ln -snf "$folder$(readlink "$link")" "$link"
        done
        mv "$folder.new" "$folder" || return
    fi
    printf '%s\n' "$folder"
}

# Writes a file for meson's --cross-file.
cross_file() {
    local root
    root=$(cross_root "$1") || return
    cat >"$builds/$1.cross" <<FILE
[binaries]
c = ['$(cross_gnu "$1")-gcc', '--sysroot=$root']
ar = '$(cross_gnu "$1")-ar'
strip = '$(cross_gnu "$1")-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['$(cross_emulator "$1")', '-L', '$root']
[properties]
sys_root = '$root'
pkg_config_libdir = '$root/usr/lib/$(dpkg-architecture -a"$1" -qDEB_HOST_MULTIARCH)/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = '$(cross_cpu "$1")'
cpu = '$(cross_cpu "$1")'
endian = '$(dpkg-architecture -a"$1" -qDEB_HOST_ARCH_ENDIAN)'
FILE
}
