#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is written while something else is being saved: nothing typed is lost, nothing of others is
# overwritten, and within one mount it is as on a local file.

load lib/helpers
load lib/editing

setup_file() {
    suite_setup
    sandbox_start sample
}

setup() {
    test_setup
    control POST /seed '"sample"' >/dev/null
    mount_start --ttl 600
    MODEL=$MNT/acme/model
}

# The server takes its time before it does the next upsert: long, because the machine may be busy.
SLOW='{"kind": "delay", "operation": "UpsertRegistry", "ms": 2000}'

slow_upsert() {
    control POST /faults "$SLOW" >/dev/null
}

# in_model SCRIPT [ARGUMENT]…: Python in the registry's directory, with the calls that tests share.
in_model() {
    local script=$1
    shift
    (cd "$MODEL" && CONTROL=$CONTROL_URL SLOW=$SLOW timeout 100 python3 - "$@") <<PY
import errno, json, os, sys, threading, time, urllib.request
def upserts():
    with urllib.request.urlopen(os.environ["CONTROL"] + "/counts") as answer:
        return json.load(answer)["operations"].get("UpsertRegistry", 0)
def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it never happens"
        time.sleep(0.02)
def fails(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as problem:
        assert problem.errno == number, problem
    else:
        raise SystemExit(f"no {errno.errorcode[number]}")
def during_a_save(descriptor, action, number=0):
    """Does something while the server is at work on what the close of a copy sends: during fsync
    the kernel lets nobody write."""
    before = upserts()
    urllib.request.urlopen(urllib.request.Request(
        os.environ["CONTROL"] + "/faults", os.environ["SLOW"].encode(), {"Content-Type": "application/json"}))
    close_copy = lambda: os.close(os.dup(descriptor))
    saving = threading.Thread(target=lambda: fails(number, close_copy) if number else close_copy())
    saving.start()
    until(lambda: upserts() > before)
    action()
    saving.join()
$script
PY
}

@test "what is written during a save is saved by the next one, whoever closes" {
    in_model '
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"first\n")
during_a_save(file, lambda: os.write(file, b"second\n"))
os.close(file)'
    assert_equal "$(server_value model description)" $'first\nsecond'
    # The close of a copy saves the first line; the second comes meanwhile.
    reset_counts
    slow_upsert
    is_sent() { [[ $(mutations) -ge 1 ]]; }
    {
        /bin/echo one &
        local first=$!
        eventually 60 is_sent
        echo two
        wait "$first"
    } >"$MODEL/description"
    assert_equal "$(server_value model description)" $'one\ntwo'
    run ! ls "$MNT/.registryfs/unsaved/acme"
}

@test "the same for O_APPEND, for a write over it, for ftruncate, for the last of three" {
    in_model '
file = os.open("description", os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
os.write(file, b"a\n")
during_a_save(file, lambda: os.write(file, b"b\n"))
os.close(file)'
    assert_equal "$(server_value model description)" $'a\nb'
    in_model '
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"mine\n")
during_a_save(file, lambda: os.pwrite(file, b"your", 0))
os.close(file)'
    assert_equal "$(server_value model description)" your
    in_model '
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"long text\n")
during_a_save(file, lambda: os.ftruncate(file, 4))
os.close(file)'
    assert_equal "$(server_value model description)" long
    in_model '
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"1\n")
during_a_save(file, lambda: os.write(file, b"2\n"))
during_a_save(file, lambda: os.write(file, b"3\n"))
os.close(file)'
    assert_equal "$(server_value model description)" $'1\n2\n3'
}

@test "the same for every attribute" {
    in_model '
def save(name, first, second):
    file = os.open(name, os.O_RDWR)
    os.ftruncate(file, 0)
    os.pwrite(file, first[:-1], 0) # a whole line would be saved by write
    def write():
        os.ftruncate(file, 0)
        os.pwrite(file, second, 0)
    during_a_save(file, write)
    os.close(file)
    assert open(name, "rb").read() == second, (name, open(name, "rb").read())
save("visibility", b"restricted\n", b"organization\n")
save("allow_all_artifact_types", b"false\n", b"true\n")
with open("allow_all_artifact_types", "w") as file:
    file.write("false\n")
shown = open("artifact_types", "rb").read()
save("artifact_types", shown + b"first-type\n", shown + b"first-type\nsecond-type\n")
save("description", b"one\n", b"two\n")'
    assert_equal "$(server_value model access)" PRIVATE
    assert_equal "$(server_value model allowAllArtifactTypesInRegistry)" false
    assert_equal "$(server_value model description)" two
    [[ $(server_value model artifactTypes) == *first-type*second-type* ]]
}

@test "twin: what was written before a save is not sent twice" {
    in_model '
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"once\n")
during_a_save(file, lambda: None)
os.fsync(file)
os.close(os.dup(file))
os.close(file)'
    assert_mutations 1
}

@test "a save that fails keeps what was written during it, too" {
    refuse_upserts 403
    in_model '
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
os.write(file, b"first\n")
during_a_save(file, lambda: fails(errno.EACCES, os.write, file, b"second\n"), errno.EACCES)
fails(errno.EACCES, os.close, file)'
    assert_equal "$(unsaved model/description)" $'first\nsecond'
    assert_equal "$(unsaved model/description~2)" first
}

@test "the old text written back during a save is saved after it" {
    local old
    old=$(server_value model description)
    in_model '
old = open("description", "rb").read()
file, other = os.open("description", os.O_WRONLY | os.O_TRUNC), os.open("description", os.O_WRONLY)
os.write(file, b"new\n")
def write_back():
    os.ftruncate(other, 0)
    os.write(other, old)
    os.close(other)
during_a_save(file, write_back)
os.close(file)'
    assert_equal "$(server_value model description)" "$old"
    assert_mutations 2
}

@test "an answer that comes late does not bring back what somebody else has changed since" {
    control POST /faults '{"kind": "drip", "operation": "UpsertRegistry", "bytes_per_second": 100}' >/dev/null
    echo mine >"$MODEL/description" &
    local saving=$!
    upserted() { [[ $(server_value model description) == mine ]]; }
    eventually 60 upserted
    upsert_registry "$ENTITY" model description '"theirs"'
    touch "$MNT/acme"
    assert_equal "$(cat "$MODEL/description")" theirs
    wait "$saving"
    assert_equal "$(cat "$MODEL/description")" theirs
}

@test "twin: an answer that comes late shows what was saved" {
    control POST /faults '{"kind": "drip", "operation": "UpsertRegistry", "bytes_per_second": 300}' >/dev/null
    echo mine >"$MODEL/description"
    assert_equal "$(cat "$MODEL/description")" mine
    assert_mutations 1
}

# --- what a text was made from ---

@test "a rename over what somebody else has changed since the file was made: ESTALE, whatever was saved beside it" {
    echo mine >"$MODEL/new"
    echo restricted >"$MODEL/visibility"
    upsert_registry "$ENTITY" model description '"theirs"'
    touch "$MNT/acme"
    assert_equal "$(cat "$MODEL/description")" theirs
    fails_with 'Stale file handle' mv "$MODEL/new" "$MODEL/description"
    assert_equal "$(server_value model description)" theirs
    assert_equal "$(unsaved model/description)" mine
}

@test "twin: a rename over what this mount has saved itself since is a save" {
    echo mine >"$MODEL/new"
    echo before >"$MODEL/description"
    mv "$MODEL/new" "$MODEL/description"
    assert_equal "$(server_value model description)" mine
}

@test "a rename after own save and a change of somebody else: ESTALE" {
    echo mine >"$MODEL/new"
    echo before >"$MODEL/description"
    upsert_registry "$ENTITY" model description '"theirs"'
    touch "$MNT/acme"
    cat "$MODEL/description"
    fails_with 'Stale file handle' mv "$MODEL/new" "$MODEL/description"
    assert_equal "$(server_value model description)" theirs
}

@test "a handle of a file that was renamed over an attribute does not take others' changes for seen" {
    in_model '
file = os.open("new", os.O_WRONLY | os.O_CREAT)
os.write(file, b"mine\n")
os.rename("new", "description")
print(file, flush=True)
open("../../../ready", "w").close()
until(lambda: os.path.exists("../../../go"))
os.write(file, b"more\n")
fails(errno.ESTALE, os.close, file)' &
    local editing=$!
    eventually 30 [ -e ready ]
    upsert_registry "$ENTITY" model description '"theirs"'
    touch "$MNT/acme"
    assert_equal "$(cat "$MODEL/description")" theirs
    touch go
    wait "$editing"
    assert_equal "$(server_value model description)" theirs
    unsaved model/description | grep -qx more
}

# --- one mount is one file ---

@test "a truncation by path empties what is open and is sent with what is written there" {
    in_model '
for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND):
    file = os.open("description", flags)
    os.truncate("description", 0)
    os.write(file, b"x\n")
    os.close(file)
    assert open("description", "rb").read() == b"x\n"
    file = os.open("description", os.O_WRONLY | os.O_TRUNC)
    os.write(file, b"a long text, of some words\n")
    os.close(file)'
    assert_mutations 6
    run ! ls "$MNT/.registryfs/unsaved/acme"
}

@test "twin: a truncation by path that nobody follows is saved at once" {
    in_model 'os.truncate("description", 0)'
    assert_equal "$(server_value model description)" ""
    assert_mutations 1
    in_model '
file = os.open("description", os.O_RDONLY)
os.write(os.open("description", os.O_WRONLY), b"x")
os.truncate("description", 0)'
}

@test "whatever this mount has saved since, an older handle saves; the last writer wins" {
    in_model '
def old_handle(save, wanted):
    file = os.open("description", os.O_WRONLY)
    save()
    os.ftruncate(file, 0)
    os.write(file, b"last\n")
    os.close(file)
    assert open("description", "rb").read() == b"last\n"
def by_another_handle():
    with open("description", "w") as other:
        other.write("other\n")
def by_rename():
    with open("new", "w") as other:
        other.write("renamed\n")
    os.rename("new", "description")
def by_sed():
    assert os.system("sed -i s/last/sed/ description") == 0
def by_truncation():
    os.truncate("description", 0)
for save in by_another_handle, by_rename, by_sed, by_truncation:
    old_handle(save, b"last\n")'
    assert_equal "$(server_value model description)" last
    run ! ls "$MNT/.registryfs/unsaved/acme"
}

@test "twin: what somebody else has changed since is not overwritten by an older handle" {
    exec 7<>"$MODEL/description"
    echo ours >"$MODEL/description"
    upsert_registry "$ENTITY" model description '"theirs"'
    fails_with 'Stale file handle' bash -c 'cat >&7 <<<mine'
    exec 7>&- || true
    assert_equal "$(server_value model description)" theirs
}

@test "an emptied handle that writes nothing undoes nothing that was saved since" {
    in_model '
emptied = os.open("description", os.O_WRONLY | os.O_TRUNC)
resized = os.open("description", os.O_WRONLY)
os.ftruncate(resized, 0)
with open("description", "w") as other:
    other.write("kept\n")
os.close(emptied)
os.close(resized)
time.sleep(0.5)'
    assert_equal "$(server_value model description)" kept
    assert_mutations 1
}

@test "two that append at once lose neither line" {
    echo begin >"$MODEL/description"
    slow_upsert
    local appending=()
    for line in one two three; do
        echo "$line" >>"$MODEL/description" &
        appending+=($!)
    done
    wait "${appending[@]}"
    assert_equal "$(server_value model description | sort)" "$(printf '%s\n' begin one three two)"
}

# --- holes ---

@test "a write at the end of a longer text of somebody else: ESTALE, and no hole" {
    in_model '
file = os.open("description", os.O_RDWR)
print(file)
open("../../../ready", "w").close()
until(lambda: os.path.exists("../../../go"))
os.pwrite(file, b"mine\n", os.stat("description").st_size)
fails(errno.ESTALE, os.fsync, file)
fails(errno.ESTALE, os.close, file)' &
    local editing=$!
    eventually 30 [ -e ready ]
    upsert_registry "$ENTITY" model description "\"$(printf 'longer %.0s' {1..40})\""
    touch "$MNT/acme"
    cat "$MODEL/description" >/dev/null
    touch go
    wait "$editing"
    assert_mutations 0
    [[ $(server_value model description) == longer* ]]
    unsaved model/description | tr -d '\0' | grep -q 'mine$'
}

@test "twin: a write at the end of a longer text of this mount goes behind it" {
    in_model '
file = os.open("description", os.O_RDWR)
with open("description", "w") as other:
    other.write("longer " * 40 + "\n")
os.pwrite(file, b"mine\n", os.stat("description").st_size)
os.fsync(file)
os.close(file)'
    assert_equal "$(server_value model description)" "$(printf 'longer %.0s' {1..40})"$'\nmine'
}

@test "four writers at the end of one text: all succeed" {
    in_model '
def work(number):
    for turn in range(6):
        with open("description", "r+b", buffering=0) as file:
            file.seek(0, os.SEEK_END)
            file.write(b"%d.%d\n" % (number, turn))
            os.fsync(file.fileno())
        done.append((number, turn))
done = []
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(done) == 24, len(done)'
    run ! ls "$MNT/.registryfs/unsaved/acme"
}

@test "a text may come in any order: what leaves a hole is not refused before it is whole" {
    echo false >"$MODEL/allow_all_artifact_types"
    in_model '
def put(attribute, *parts):
    file = os.open(attribute, os.O_WRONLY | os.O_TRUNC)
    for text, at in parts:
        os.pwrite(file, text, at)
    os.close(file)
put("visibility", (b"ted\n", 7), (b"restric", 0))
put("artifact_types", (b"set\n", 10), (b"model\ndata", 0))
put("description", (b"world\n", 6), (b"hello ", 0))
# The twin: one that stays is no text.
for attribute in "visibility", "artifact_types", "description":
    file = os.open(attribute, os.O_WRONLY | os.O_TRUNC)
    os.pwrite(file, b"model\n", 3)
    fails(errno.EINVAL, os.close, file)'
    assert_equal "$(server_value model access) $(server_value model description)" 'RESTRICTED hello world'
    assert_equal "$(cat "$MODEL/artifact_types")" $'model\ndataset'
}

@test "what a handle has cut off does not come back, although another one has saved it" {
    in_model '
def cut_and_write(size):
    file = os.open("description", os.O_WRONLY)
    with open("description", "wb") as other:
        other.write(b"theirs is longer")
    os.ftruncate(file, size)
    os.pwrite(file, b"!", 10)
    os.pwrite(file, b"0123456789"[size:], size)
    os.close(file)
    return open("description", "rb").read()
found = cut_and_write(0), cut_and_write(3)
assert found == (b"0123456789!\n", b"the3456789!\n"), found
# It is cut before it is saved, and written behind the end while the empty text is on its way.
file = os.open("description", os.O_WRONLY)
with open("description", "wb") as other:
    other.write(b"theirs is longer")
os.ftruncate(file, 0)
fails(errno.EINVAL, lambda: (os.pwrite(file, b"!", 10), os.close(file)))
# The twin: nobody has cut it.
file = os.open("description", os.O_WRONLY)
with open("description", "wb") as other:
    other.write(b"theirs is the longer one")
os.pwrite(file, b"!", 10)
os.close(file)
found = open("description", "rb").read()
assert found[:11] == b"theirs is !", found'
}

@test "children that end while a text is emptied save no empty text" {
    in_model '
before = open("description", "rb").read()
def child():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
counted = upserts()
file = os.open("description", os.O_WRONLY | os.O_TRUNC)
for turn in range(6):
    child()
assert upserts() == counted
assert open("description", "rb").read() == before != b""
os.write(file, b"whole\n")
os.close(file)
assert upserts() == counted + 1
# The twin: the shell itself lets go of it.
os.system(": >description")
assert upserts() == counted + 2 and open("description", "rb").read() == b""'
    # As a shell writes it; here each command is a process of its own.
    (cd "$MODEL" && { /bin/true; /bin/true; /bin/echo text; } >description)
    assert_equal "$(server_value model description)" text
}

# --- reading beside it ---

@test "readers beside a writer see whole texts, whatever they read it with" {
    in_model '
import subprocess
texts = [(b"%d " % number) * (1 + number * 37 % 3000) + b"\n" for number in range(40)]
legal = set(texts) | {open("description", "rb").read()}
wrong, reads, over = [], [0], threading.Event()
def look(text):
    reads[0] += 1
    if text not in legal:
        wrong.append((len(text), text[:20], text[-20:]))
def read():
    while not over.is_set():
        with open("description", "rb") as file:
            look(file.read())
def cat():
    while not over.is_set():
        look(subprocess.run(["cat", "description"], stdout=subprocess.PIPE, check=True).stdout)
readers = [threading.Thread(target=work) for work in (read, read, cat)]
# Who opens it from the first change on; the kernel shows the writer its emptied file as the size to
# those, too, who had it open before.
with open("description", "wb") as file:
    file.write(texts[0])
for reader in readers:
    reader.start()
for text in texts:
    seen = reads[0]
    with open("description", "wb") as file:
        file.write(text)
    while reads[0] == seen and not wrong and any(reader.is_alive() for reader in readers):
        time.sleep(0.001)
over.set()
for reader in readers:
    reader.join()
assert not wrong, wrong
assert reads[0] > 20, reads'
}

@test "a handle reads one text from open to close beside saves of this mount" {
    in_model '
first = open("description", "rb").read()
old = os.open("description", os.O_RDONLY)
assert os.pread(old, 5, 0) == first[:5]
for text in (b"longer " * 500 + b"\n", b"x\n"):
    with open("description", "wb") as file:
        file.write(text)
    new = os.open("description", os.O_RDONLY)
    assert os.pread(old, 1 << 20, 0) == first
    assert os.pread(new, 1 << 20, 0) == text
    assert os.pread(old, 1 << 20, 0) == first
    assert os.stat("description").st_size == len(text)
    assert open("description", "rb").read() == text
    os.close(new)'
}
