# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Containers without a container engine: a Debian made by debootstrap, the Dockerfile's steps executed
# in it layer by layer, and Debian's runc. What takes long is kept in build-tests/containers.

export CONTAINER_CACHE=${CONTAINER_CACHE:-$ROOT/build-tests/containers}

# Why this machine cannot run containers, empty if it can.
containers_obstacle() {
    local command
    [[ $EUID -eq 0 ]] || {
        printf 'needs root\n'
        return
    }
    for command in debootstrap runc jq; do
        command -v "$command" >/dev/null || printf '%s is not installed\n' "$command"
    done
    [[ -c /dev/fuse ]] || printf 'no /dev/fuse\n'
    unshare --mount true 2>/dev/null || printf 'no mount namespace of its own (a chroot)\n'
    grep -q ' - cgroup' /proc/self/mountinfo || printf 'no control groups are mounted (a chroot)\n'
    grep -qw overlay /proc/filesystems || modprobe -q overlay || printf 'no overlay filesystem\n'
}

# The base system, made once; prints its directory.
container_base() {
    local base=$CONTAINER_CACHE/base log=$CONTAINER_CACHE/debootstrap.log lock
    mkdir -p "$CONTAINER_CACHE"
    exec {lock}>"$CONTAINER_CACHE/base.lock"
    flock "$lock" # suites run side by side
    if [[ ! -d $base ]]; then
        rm -rf "$base.new"
        debootstrap --variant=minbase --include=ca-certificates bookworm "$base.new" >"$log" 2>&1 &&
            mv "$base.new" "$base"
    fi
    exec {lock}>&-
    [[ -d $base ]] && printf '%s\n' "$base"
}

# layers_mount DIRECTORY UPPER LOWER…: an overlay, the last LOWER on top of the others.
layers_mount() {
    local directory=$1 upper=$2 lower='' layer
    shift 2
    for layer in "$@"; do
        lower=$layer${lower:+:$lower}
    done
    mkdir -p "$directory" "$upper" "$upper.work"
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$upper.work" "$directory"
}

layers_unmount() {
    umount -R "$1" && rm -rf "$2.work"
}

# in_root DIRECTORY COMMAND…: in a chroot with the network, processes and devices of this machine.
in_root() {
    local directory=$1
    shift
    mkdir -p "$CONTAINER_CACHE/apt"
    # One at a time: they share apt's cache. A namespace of its own: its mounts are gone with it.
    flock "$CONTAINER_CACHE/apt.lock" unshare --mount --propagation private bash -euc '
        directory=$1
        shift
        mount -t proc proc "$directory/proc"
        mount --rbind /dev "$directory/dev"
        mount -t tmpfs tmpfs "$directory/run"
        mount --bind "$CONTAINER_CACHE/apt" "$directory/var/cache/apt/archives"
        cat /etc/resolv.conf >"$directory/etc/resolv.conf"
        mkdir -p "$directory/run/lock"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive chroot "$directory" "$@"' - "$directory" "$@"
}

# The files that `COPY . .` takes: what is in the repository or will be.
context_files() {
    git -C "$ROOT" -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            [[ ! -f $ROOT/$file ]] || printf '%s\0' "$file"
        done
}

# What COPY's sources hold, as a hash: a layer is used again only for the same.
context_hash() {
    case $1 in
    .) (cd "$ROOT" && context_files | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum ;;
    *) sha256sum <"$ROOT/$1" ;;
    esac
}

# copy_into ROOTFS WORKDIR SOURCE… TARGET
copy_into() {
    local rootfs=$1 workdir=$2 target=${*: -1} source
    [[ $target == /* ]] || target=$workdir/$target
    mkdir -p "$rootfs$target"
    for source in "${@:3:$#-3}"; do
        if [[ $source == . ]]; then
            context_files | tar -c -C "$ROOT" --null --no-recursion --files-from=- |
                tar -x --no-same-owner -C "$rootfs$target"
        elif [[ -d $source ]]; then
            cp -r "$source/." "$rootfs$target"
        else
            cp "$ROOT/$source" "$rootfs$target"
        fi
    done
}

# The Dockerfile's instructions, one a line, without comments.
dockerfile_instructions() {
    sed -E '/^[[:space:]]*#/d; /^[[:space:]]*$/d' "$ROOT/contrib/Dockerfile" |
        sed -E -e ':a' -e '/\\$/N; s/\\\n[[:space:]]*//; ta'
}

# Executes the Dockerfile. IMAGE_LAYERS are then the last stage's layers, IMAGE_CONFIG its other
# instructions.
image_build() {
    local instruction words key='' workdir=/ layer rootfs=$SUITE_DIR/building used=' '
    declare -A stages=()
    local stage=''
    IMAGE_CONFIG=()
    while IFS= read -r instruction; do
        read -ra words <<<"$instruction"
        case ${words[0]} in
        ARG) continue ;;
        FROM)
            [[ -z $stage ]] || stages[$stage]=${IMAGE_LAYERS[*]}
            [[ ${words[1]} =~ ^debian:.*-slim$ ]] || fail "unknown base: $instruction" || return
            IMAGE_LAYERS=("$(container_base)") key='' workdir=/ stage=${words[3]:-last} IMAGE_CONFIG=()
            continue
            ;;
        WORKDIR) workdir=${words[1]} ;;
        COPY | RUN) ;;
        *)
            IMAGE_CONFIG+=("$instruction")
            continue
            ;;
        esac
        key=$(image_step_key "$key" "${words[@]}") || return
        layer=$CONTAINER_CACHE/layers/$key
        used+="$key "
        if [[ ! -d $layer ]]; then
            rm -rf "$layer.new" "$layer.new.work"
            layers_mount "$rootfs" "$layer.new" "${IMAGE_LAYERS[@]}" || return
            if ! image_step "$rootfs" "$workdir" "$instruction"; then
                layers_unmount "$rootfs" "$layer.new"
                fail "this step failed: $instruction"
                return
            fi
            layers_unmount "$rootfs" "$layer.new" && mv "$layer.new" "$layer" || return
        fi
        IMAGE_LAYERS+=("$layer")
    done < <(dockerfile_instructions)
    image_forget_others "$used"
}

# The name of the layer after a step: what it is made from, as a hash.
image_step_key() {
    local parent=$1 source
    shift
    {
        printf '%s\n' "$parent" "$*"
        if [[ $1 == COPY && $2 == --from=* ]]; then
            printf '%s\n' "${stages[${2#--from=}]}"
        elif [[ $1 == COPY ]]; then
            for source in "${@:2:$#-2}"; do
                context_hash "$source"
            done
        fi
    } | sha256sum | cut -c 1-32
}

image_step() {
    local rootfs=$1 workdir=$2 words from
    read -ra words <<<"$3"
    case ${words[0]} in
    WORKDIR) mkdir -p "$rootfs$workdir" ;;
    RUN) in_root "$rootfs" sh -ec "cd '$workdir'; ${3#RUN }" </dev/null ;;
    COPY)
        if [[ ${words[1]} != --from=* ]]; then
            copy_into "$rootfs" "$workdir" "${words[@]:1}"
            return
        fi
        from=$SUITE_DIR/from
        # shellcheck disable=SC2086  # layers, separated by blanks
        layers_mount "$from" "$SUITE_DIR/from.upper" ${stages[${words[1]#--from=}]} || return
        copy_into "$rootfs" "$workdir" "$from${words[2]}" "${words[3]}"
        layers_unmount "$from" "$SUITE_DIR/from.upper"
        ;;
    esac
}

# Keeps the layers named in $1 only: the sources' layers change with every change.
image_forget_others() {
    local layer
    for layer in "$CONTAINER_CACHE"/layers/*; do
        [[ $1 == *" ${layer##*/} "* ]] || rm -rf --one-file-system "$layer"
    done
}

# container_bundle NAME JQ-PROGRAM COMMAND…: an OCI bundle of the image in $TEST_DIR/NAME, with the
# network of this machine, without capabilities. The program changes the configuration.
container_bundle() {
    local bundle=$TEST_DIR/$1 program=$2
    shift 2
    mkdir -p "$bundle"
    # shellcheck disable=SC2086  # layers, separated by blanks
    layers_mount "$bundle/rootfs" "$bundle/upper" $IMAGE_STACK
    ln -sf /proc/mounts "$bundle/rootfs/etc/mtab" # as container engines do
    (cd "$bundle" && runc spec)
    jq --arg base_url "$WANDB_BASE_URL" --arg key "$WANDB_API_KEY" "
        .process.args = \$ARGS.positional | .process.terminal = false | del(.process.rlimits)
        | .process.env += [\"WANDB_BASE_URL=\" + \$base_url, \"WANDB_API_KEY=\" + \$key,
            \"HOME=/tmp\", \"XDG_CACHE_HOME=/var/cache\", \"XDG_RUNTIME_DIR=/run/user\"]
        | .root.readonly = false | .process.noNewPrivileges = true
        | .process.capabilities = {}
        | .linux.namespaces |= map(select(.type != \"network\" and .type != \"cgroup\"))
        | .linux.cgroupsPath = \"/registryfs-test-$$-${bundle##*.}-${bundle##*/}\"
        | $program" --args -- "$@" <"$bundle/config.json" >"$bundle/config.new"
    mv "$bundle/config.new" "$bundle/config.json"
}

# Parts of configurations, for container_bundle.
# shellcheck disable=SC2034  # the suites use them
{
    DEVICE_FUSE='.linux.devices += [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438}]
        | .linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
    # shellcheck disable=SC2089
    SYS_ADMIN='.process.capabilities = (["CAP_SYS_ADMIN"] | {bounding: ., effective: ., permitted: .})'
}

# The container's id for runc: unique on this machine.
container_id() {
    printf '%s.%s\n' "${TEST_DIR##*/}" "$1"
}

# container_run NAME [RUNC-OPTION…]: in the foreground, until it ends.
container_run() {
    runc run --bundle "$TEST_DIR/$1" "${@:2}" "$(container_id "$1")"
}

# container_start NAME: in the background; its exit status will stand in NAME/status.
container_start() {
    local name=$1
    (
        status=0
        container_run "$name" >"$TEST_DIR/$name/log" 2>&1 </dev/null || status=$?
        printf '%s\n' "$status" >"$TEST_DIR/$name/status"
    ) 3>&- 4>&- &
    # shellcheck disable=SC2034
    CONTAINER_KEEPER=$!
}

container_exec() {
    runc exec "$(container_id "$1")" "${@:2}"
}

# Ends what is left of this test's containers and takes their filesystems away.
containers_clean() {
    local config name
    for config in "$TEST_DIR"/*/config.json; do
        [[ -e $config ]] || continue
        name=$(basename "$(dirname "$config")")
        runc delete --force "$(container_id "$name")" >/dev/null 2>&1 || true
        layers_unmount "$TEST_DIR/$name/rootfs" "$TEST_DIR/$name/upper"
    done
}
