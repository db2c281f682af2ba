#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Tools that look at whole filesystems or torment them: fio, stress-ng, rsync, git, updatedb.

load lib/helpers

setup_file() {
    suite_setup
    # What fio finds again block by block, whatever order it reads in.
    (cd "$SUITE_DIR" && fio --name=layout --filename=pattern --rw=write --bs=4k --size=3M \
        --verify=crc32c --do_verify=0 --output=fio.log)
    base64 -w 0 "$SUITE_DIR/pattern" >"$SUITE_DIR/pattern.base64"
    jq -n --rawfile bytes "$SUITE_DIR/pattern.base64" --arg key "$(printf '%040d' 1)" \
        '{organizations: [{name: "acme", entity: "acme-org-entity", registries: [
            {name: "wandb-registry-model", description: "Models.", collections: [
                {name: "churn", type: "model", versions: [{aliases: ["production"],
                    files: [{path: "README.md", text: "text"}, {path: "pattern", base64: $bytes}]}]}]}]}],
          users: [{username: "ada", key: $key, organizations: {acme: "admin"}}]}' >"$SUITE_DIR/seed.json"
    sandbox_start "$SUITE_DIR/seed.json"
}

setup() {
    test_setup
    mount_start --ttl 600
    FILES=$MNT/acme/model/collections/churn/aliases/production/files
}

# fio_reads DIRECTORY OPTION…: all bytes of its file are as fio wrote them. (A colon in fio's
# argument would end the file's name.)
fio_reads() {
    local directory=$1
    shift
    (cd "$directory" && fio --readonly --filename=pattern --name=read --size=3M --verify=crc32c --verify_interval=4k \
        --verify_fatal=1 "$@") >fio.log 2>&1 || {
        cat fio.log
        return 1
    }
}

@test "fio reads the server's bytes: in order, at random, in parallel, mapped, asynchronously" {
    fio_reads "$FILES" --rw=randread --bs=4k
    fio_reads "$FILES" --rw=read --bs=64k
    fio_reads "$FILES" --rw=randread --bs=8k --numjobs=4 --thread
    fio_reads "$FILES" --rw=read --bs=16k --ioengine=mmap
    fio_reads "$FILES" --rw=randread --bs=4k --ioengine=libaio --iodepth=16 --direct=1
    cmp "$FILES/pattern" "$SUITE_DIR/pattern"
}

@test "fio would notice a wrong byte" {
    mkdir harmed
    cp "$SUITE_DIR/pattern" harmed/
    printf x | dd of=harmed/pattern bs=1 seek=1000001 conv=notrunc status=none
    run ! fio_reads harmed --rw=read --bs=64k
    [[ $output == *verify* ]]
}

projects() {
    control GET /state | jq -c '[.organizations[].registries[].name]'
}

# Each makes a directory of its own, here a registry; what is in it stays in memory (64 files, 1 MiB).
@test "stress-ng finds nothing wrong with names, modes, locks, links and data" {
    local stressor options before
    before=$(projects)
    for stressor in access chattr chmod chown dentry fallocate fcntl file-ioctl filename flock fstat hdd \
        lease link locka lockf lockofd mmapmany open readahead rename sendfile symlink sync-file touch utime aio; do
        options=(--"$stressor" 2 --"$stressor-ops" 40)
        case $stressor in
        dentry) options+=(--dentries 30) ;;
        fstat) options+=(--fstat-dir "$MNT/acme/model") ;;
        hdd) options+=(--hdd-bytes 1M) ;;
        esac
        timeout 300 stress-ng "${options[@]}" --timeout 1 --temp-path "$MNT/acme" >log.txt 2>&1 ||
            fail "$stressor: $(cat log.txt)" || return
        # Who has removed something in a registry cannot remove the registry at once (design 3).
        grep -vE "rmdir '.*errno=39 " log.txt >calm.txt
        run ! grep -E ' (fail|error):' calm.txt
        setsid --wait find "$MNT/acme" -maxdepth 1 -name 'tmp-stress-ng-*' -exec setsid --wait rmdir {} \;
    done
    assert_equal "$(ls "$MNT/acme")" model
    assert_equal "$(projects)" "$before"
}

@test "rsync copies the tree, and then finds nothing to do" {
    rsync -an "$MNT/acme/" nothing/
    rsync -a "$MNT/acme/" copy/
    cmp copy/model/collections/churn/versions/v0/files/pattern "$SUITE_DIR/pattern"
    run -0 rsync -anic "$MNT/acme/" copy/
    assert_equal "$output" ""
}

@test "rsync -aX copies the tree with its extended attributes, and deletes what is not there any more" {
    mkdir -p copy
    touch copy/old
    rsync -aX --delete "$MNT/acme/" copy/
    [[ ! -e copy/old && -L copy/model/collections/churn/aliases/latest ]]
    # Nothing was listed that the name itself says.
    getfattr -Rhd -m '^user[.]registryfs' copy >listed
    run -1 grep -vE '^(# file: .*/versions/v[0-9]+|user\.registryfs\.url="http.*"|)$' listed
    assert_equal "$(grep -c = listed)" "$(find copy -path '*/versions/v*' -prune -type d -print | wc -l)"
}

@test "a repository that the mount lies in has all its files for untracked ones" {
    git init -q "$TEST_DIR"
    run -0 git -C "$TEST_DIR" status --short --untracked-files=all -- "${MNT#"$TEST_DIR/"}"
    [[ $output == *"/acme/model/description"* && $output == *"/versions/v0/files/pattern"* ]]
    assert_equal "$(wc -l <<<"$output")" "$(find "$MNT" ! -type d | wc -l)"
}

@test "updatedb walks it, and names everything" {
    updatedb.plocate -U "$MNT" -o names.db --require-visibility 0 --prunefs '' --prunepaths ''
    plocate -d names.db '' | LC_ALL=C sort >located.txt
    find "$MNT" -mindepth 1 | LC_ALL=C sort >found.txt
    [[ $(wc -l <found.txt) -gt 40 ]]
    assert_same_text found.txt located.txt
    run ! grep -q . "$MNT/.registryfs/errors"
}
