# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# What the suites of the disk cache share: a server with files of 3 MB; FILE is one of them, HASH its
# SHA-256, CACHE a directory for it. A suite loads this after lib/helpers.

setup_file() {
    suite_setup
    sandbox_start large --param registries=1 --param collections=1 --param versions=1 \
        --param files=16 --param file_bytes=3000000 --param big_bytes=1000
}

setup() {
    test_setup
    export FILES=large/r0/collections/c0/versions/v0/files
    FILE=$FILES/d0/s0/f000000.bin
    CACHE=$TEST_DIR/cache
    HASH=$(server_hash "${FILE#"$FILES/"}")
}

server_hash() {
    control GET /state | jq -r --arg path "$1" '.organizations[0].registries[0].collections[0].versions[0].files[]
        | select(.path == $path).sha256'
}

sha256() {
    sha256sum "$1" | cut -d ' ' -f 1
}
