#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The Debian package on a clean system, and the files for systemd, Compose and Kubernetes.

load lib/helpers
load lib/containers

setup_file() {
    suite_setup
    export OBSTACLE
    OBSTACLE=$(containers_obstacle)
    [[ -z $OBSTACLE ]] || return 0
    if ! container_base >/dev/null; then
        OBSTACLE="debootstrap failed: $(tail -n 1 "$CONTAINER_CACHE/debootstrap.log")"
        return 0
    fi
    "$ROOT/contrib/build-package" "$SUITE_DIR" >"$SUITE_DIR/package.log" 2>&1 || {
        tail -n 20 "$SUITE_DIR/package.log" >&2
        return 1
    }
}

teardown() {
    ! is_mounted system || layers_unmount system "$TEST_DIR/upper"
    test_teardown
}

need_system() {
    [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
    layers_mount system "$TEST_DIR/upper" "$(container_base)"
    # What documentation needs and the base has not.
    in_root "$PWD/system" sh -ec 'apt-get update
        apt-get install -y --no-install-recommends bash-completion man-db' >install.log 2>&1
}

# What is installed, but for logs and caches that dpkg keeps of everything.
files_of() {
    (cd system && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache \
        -o -path ./var/lib/apt -o -path ./run -o -path ./tmp \) -prune -o -print | LC_ALL=C sort)
}

@test "lintian finds no error" {
    [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
    run -0 lintian --allow-root --fail-on error,warning "$SUITE_DIR"/registryfs_*.deb
}

@test "installed, used and removed on a clean system: nothing is left" {
    need_system
    cp "$SUITE_DIR"/registryfs_*.deb system/tmp/
    # Its dependencies first, so that what removal must undo is the package alone.
    in_root "$PWD/system" sh -ec 'apt-get install -y --no-install-recommends ca-certificates fuse3 \
        libcurl4 libfuse3-3 libjansson4' >>install.log 2>&1
    files_of >before
    in_root "$PWD/system" sh -ec 'dpkg -i /tmp/registryfs_*.deb' >>install.log 2>&1 || {
        cat install.log >&2
        return 1
    }
    run -0 in_root "$PWD/system" registryfs --version
    run -0 in_root "$PWD/system" sh -c 'man registryfs | cat'
    [[ $output == *"mount a Weights & Biases Registry"* ]]
    # shellcheck disable=SC2016
    run -0 in_root "$PWD/system" bash -c '
        source /usr/share/bash-completion/bash_completion
        _completion_loader registryfs
        COMP_WORDS=(registryfs --base) COMP_CWORD=1
        _registryfs
        printf "%s\n" "${COMPREPLY[@]}"'
    assert_equal "$output" --base-url
    [[ -e system/lib/systemd/system/registryfs@.service ]]
    in_root "$PWD/system" apt-get remove -y registryfs >>install.log 2>&1
    files_of >after
    assert_same_text before after
}

@test "systemd takes the units" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
    # The program is this build's. No path with a colon: systemd would take it for two.
    local units=/tmp/registryfs-units.$$ unit complaint=''
    mkdir "$units"
    sed "s|/usr/bin/registryfs|$REGISTRYFS|" "$ROOT/contrib/systemd/registryfs@.service" \
        >"$units/registryfs@srv-models.service"
    cp "$ROOT"/contrib/systemd/srv-models.* "$units"
    for unit in "$units"/*; do
        run systemd-analyze verify --man=no --recursive-errors=no "$unit"
        [[ $status -eq 0 && $output != *units.* && $output != *registryfs* ]] || complaint+=$output
    done
    rm -r "$units"
    [[ -z $complaint ]] || fail "$complaint"
}

@test "the lines for fstab are understood, by mount and by the program" {
    # The places are this machine's, and it need not know the type yet.
    sed "s|/srv/[a-z]*|$TEST_DIR|" "$ROOT/contrib/systemd/fstab" >fstab
    run findmnt --verify --verbose --tab-file fstab
    [[ $output == *"0 parse errors"* ]] || fail "$output"
    local options type
    while read -r _ _ type options _; do
        assert_equal "$type" fuse.registryfs
        # Everything is known to the program: what is missing in the end is the server.
        run -32 env WANDB_BASE_URL=http://127.0.0.1:1 WANDB_API_KEY=none \
            "$REGISTRYFS" --timeout 1 -o "${options/,api_key_file=*/}" acme "$TEST_DIR"
        [[ $output != *option* ]] || fail "$output" || return
    done < <(grep -v '^#' "$ROOT/contrib/systemd/fstab")
}

@test "the files for Compose and Kubernetes are what they should be" {
    /usr/bin/python3 "$ROOT/tests/lib/check_manifests.py" "$ROOT"/contrib/compose.yaml \
        "$ROOT"/contrib/kubernetes/*.yaml
    # The check sees a key that Kubernetes does not have, and a required one that is missing.
    sed 's/mountPath:/mountpath:/' "$ROOT/contrib/kubernetes/sidecar.yaml" >wrong.yaml
    run -1 /usr/bin/python3 "$ROOT/tests/lib/check_manifests.py" wrong.yaml
    [[ $output == *"has no mountpath"* && $output == *mount_path* ]] || fail "$output"
}

@test "docker-compose reads the file for Compose, and the shell gets its arguments" {
    cp "$ROOT/contrib/compose.yaml" .
    touch api-key
    run -0 docker-compose -f compose.yaml config
    # What is left of "$$@" when Compose has read it; printed again, it is doubled once more.
    [[ $output == *'exec registryfs "$$@"'* ]] || fail "$output"
}

@test "options in the container files are options of the program" {
    local files=("$ROOT"/contrib/compose.yaml "$ROOT"/contrib/kubernetes/*.yaml "$ROOT"/contrib/systemd/*.service)
    local option
    "$REGISTRYFS" --help | grep -oE -- '--[a-z][a-z_-]+' | tr _ - >known
    while read -r option; do
        grep -qx -- "$option" known || fail "no such option: $option" || return
    done < <(grep -hvE '^ *#' "${files[@]}" | grep -oE '(^|[[ ,-])--[a-z][a-z_-]+' | grep -oE -- '--[a-z_-]+' | tr _ - | sort -u)
}
