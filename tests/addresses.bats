#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Addresses of web pages (protocol 5.10): the file `url` and the extended attribute of that name.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

ORGANIZATION="Globex Research"
CLIP="Globex Research/vision/collections/clip"

# pages APPLICATION: what registry, collection and version say.
assert_pages() {
    local page="$1/orgs/Globex%20Research/registry/vision"
    local selection="?selectionPath=globex_registry_7f3a%2Fwandb-registry-vision%2Fclip"
    assert_equal "$(cat "$MNT/$ORGANIZATION/vision/url")" "$page"
    assert_equal "$(cat "$MNT/$CLIP/url")" "$page$selection"
    assert_equal "$(cat "$MNT/$CLIP/versions/v1/url")" "$page$selection&view=membership&version=v1"
}

@test "registry, collection and version say where their page is, without a request" {
    mount_start --ttl 600
    ls "$MNT/$CLIP/versions" "$MNT/$ORGANIZATION" >/dev/null
    reset_counts
    assert_pages "$WANDB_BASE_URL"
    assert_equal "$(stat -c %a "$MNT/$CLIP/url" "$MNT/$ORGANIZATION/vision/url" | sort -u)" 444
    assert_requests 0
}

@test "WANDB_APP_URL wins, and a settings file says it, too" {
    WANDB_APP_URL=https://pages.example.com/ mount_start
    assert_pages https://pages.example.com
    mount_stop
    mkdir -p "$HOME/.config/wandb"
    printf '[default]\napp_url_override = https://other.example.com\n' >"$HOME/.config/wandb/settings"
    mount_start
    rm "$HOME/.config/wandb/settings"
    assert_pages https://other.example.com
}

@test "every name is quoted, and nothing of it is lost" {
    sandbox_start hostile
    mount_start --ttl 600
    local file
    for file in "$MNT"/hostile/*/url; do
        python3 - "$file" <<'PY'
import sys, os, urllib.parse
path = os.fsencode(sys.argv[1])
with open(path, "rb") as file:
    text = file.read()
assert text.endswith(b"\n") and text.count(b"\n") == 1 and b" " not in text, text
name = os.getxattr(os.path.dirname(path), "user.registryfs.name")
shown = urllib.parse.unquote_to_bytes(text[:-1].rsplit(b"/", 1)[1])
for at in range(len(name) - 2):
    if name[at] == 0xED and name[at + 1] >= 0xA0:
        name = name[:at] + "\ufffd".encode() + name[at + 3:]
assert shown == name, (shown, name)
PY
    done
}

@test "getfattr -d on a version shows the address, and asks nobody" {
    mount_start --ttl 600
    ls "$MNT/$CLIP/versions" >/dev/null
    reset_counts
    run -0 getfattr --absolute-names -d -m - "$MNT/$CLIP/versions/v0"
    [[ $output == *"user.registryfs.url=\"$(cat "$MNT/$CLIP/versions/v0/url")\"" ]]
    local path
    for path in "$MNT/$ORGANIZATION/vision" "$MNT/$CLIP"; do
        assert_equal "$(getfattr --absolute-names --only-values -n user.registryfs.url "$path")" "$(cat "$path/url")"
    done
    run -1 getfattr --absolute-names -n user.registryfs.url "$MNT/$CLIP/versions"
    [[ $output == *"No such attribute"* ]]
    assert_requests 0
}

@test "url cannot be changed" {
    mount_start
    fails_with "Permission denied" sh -c 'echo x >"$1"' - "$MNT/$ORGANIZATION/vision/url"
    fails_with "Read-only file system" sh -c 'echo x >"$1"' - "$MNT/$CLIP/url"
    fails_with "Read-only file system" sh -c 'echo x >"$1"' - "$MNT/$CLIP/versions/v0/url"
}
