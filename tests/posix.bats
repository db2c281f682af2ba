#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What programs expect of any filesystem: directory streams, walks, and refusals with the right errno.

load lib/helpers

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    mount_start --ttl 600
    CHURN=$MNT/acme/model/collections/churn
}

@test "a directory stream can be rewound, and sought to any place that it told" {
    python3 - "$CHURN/versions/v0" "$MNT/acme/model/versions" <<'SCRIPT'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
for function, more in ((libc.readdir, []), (libc.telldir, []), (libc.rewinddir, []), (libc.closedir, []),
                       (libc.seekdir, [ctypes.c_long])):
    function.argtypes = [ctypes.c_void_p, *more]
NAME = 19  # offset of d_name

def read(stream):
    entry = libc.readdir(stream)
    return ctypes.string_at(entry + NAME) if entry else None

for path in sys.argv[1:]:
    stream = libc.opendir(path.encode())
    places, names = [libc.telldir(stream)], []
    while (name := read(stream)) is not None:
        names.append(name)
        places.append(libc.telldir(stream))
    assert sorted(map(os.fsdecode, names)) == sorted(os.listdir(path) + [".", ".."]), names
    libc.rewinddir(stream)
    assert read(stream) == names[0]
    for number in list(range(len(names)))[::-3] + [0, len(names) - 1, 1]:
        libc.seekdir(stream, places[number])
        assert read(stream) == names[number], (path, number)
    libc.seekdir(stream, places[-1])
    assert read(stream) is None
    libc.closedir(stream)
SCRIPT
}

@test "the read-only trees refuse every change with EROFS" {
    python3 "$ROOT/tests/lib/refused.py" "$CHURN" "$CHURN/description" EROFS EOPNOTSUPP
    python3 "$ROOT/tests/lib/refused.py" "$CHURN/versions/v0" "$CHURN/versions/v0/metadata.json" EROFS EOPNOTSUPP
}

@test "a mount with -o ro refuses every change with EROFS" {
    mount_stop
    mount_start -o ro
    python3 "$ROOT/tests/lib/refused.py" "$MNT/acme/model" "$MNT/acme/model/description" EROFS EROFS
}

@test "every call of the manual page's table brings what the table says" {
    python3 "$ROOT/tests/lib/refused_calls.py" "$ROOT/contrib/registryfs.1" "$MNT"
}

@test "a text that was written when the mount ends is kept, though nobody has closed the file" {
    python3 -c 'import os, signal, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(file, b"half a sentence")
print("written", flush=True)
signal.pause()' "$MNT/acme/dataset/description" >written 3>&- &
    local writer=$!
    eventually 60 test -s written
    kill -TERM "$PID"
    wait_for_end "$PID" 5
    kill "$writer"
    assert_equal "$(cat "$XDG_STATE_HOME/registryfs/unsaved/acme/dataset/description")" 'half a sentence'
}

@test "tar packs attributes and links as they are shown" {
    tar -C "$CHURN" --exclude files -cf all.tar .
    mkdir unpacked
    tar -C unpacked -xf all.tar
    find "$CHURN" -name files -prune -o -printf '%P %y %s %l\n' | grep -v ' d ' | sort >mounted.txt
    find unpacked -printf '%P %y %s %l\n' | grep -v ' d ' | sort >unpacked.txt
    [[ $(wc -l <mounted.txt) -gt 40 ]]
    assert_same_text mounted.txt unpacked.txt
}

@test "find -noleaf and without agree, and 20 walks at once see the same" {
    find "$MNT/acme" -name files -prune -o -print | sort >one.txt
    find "$MNT/acme" -noleaf -name files -prune -o -print | sort >other.txt
    assert_same_text one.txt other.txt
    local i walks=()
    for i in {1..20}; do
        find "$MNT/acme" -name files -prune -o -print >"walk.$i" 3>&- &
        walks+=($!)
    done
    wait "${walks[@]}"
    for i in {1..20}; do
        sort "walk.$i" >sorted.txt
        assert_same_text one.txt sorted.txt
    done
}

@test "git looks for a repository in it and finds none" {
    run ! git -C "$MNT/acme/model" status
    [[ $output == *"not a git repository"* ]]
}
