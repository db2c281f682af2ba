/* SPDX-License-Identifier: MIT */
/* Who may change what in a disk cache that several mounts share, and whom nobody waits for. */
#include "content/disk_cache.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "check.h"
#include "content.h"
#include "content/disk_place.h"
#include "content/disk_single_flight.h"
#include "content/private_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, SIZE = MIB + 777, PATIENCE_MS = 20 * 1000 };

static char directory[] = "/tmp/disk_sharing.XXXXXX";
static char where[64];

/* A mount of a server, with a cache that all of a test share. */
static struct disk_cache *mount_of(const char *server)
{
    struct disk_cache *cache =
        disk_cache_new(&(struct disk_cache_config){.directory = where, .limit = 100 * MIB});
    disk_cache_set_server(cache, server);
    return cache;
}

static void use_directory(const char *name)
{
    snprintf(where, sizeof where, "%s/%s", directory, name);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

/* What is kept of the block is the first that came. */
static bool has(struct disk_file *file, const char *content, uint64_t offset, size_t size)
{
    cleanup_free char *buffer = malloc(size);
    return disk_file_read(file, offset, buffer, size) == size &&
           memcmp(buffer, content + offset, size) == 0;
}

static void late_bytes_change_nothing(bool same_process)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 1, digest);
    cleanup_free char *wrong = content_new(SIZE, 2, (unsigned char[MD5_SIZE]){0});
    use_directory(same_process ? "late-handle" : "late-mount");
    struct disk_cache *early = mount_of("https://a"), *late = mount_of("https://a");
    struct disk_file *first = disk_file_open(early, digest, SIZE);
    struct disk_file *second = disk_file_open(same_process ? early : late, digest, SIZE);
    disk_file_write(second, 0, wrong, DISK_BLOCK);
    CHECK(has(second, wrong, 0, DISK_BLOCK));
    /* Present: whoever comes with other bytes does not write them. */
    disk_file_write(first, 0, content, SIZE);
    CHECK(has(first, wrong, 0, DISK_BLOCK));
    CHECK(has(first, content, DISK_BLOCK, SIZE - DISK_BLOCK));
    /* The digest tells; it starts over, and the other one keeps what it has open. */
    CHECK(disk_file_check(first, NULL) == DISK_CHECK_BAD);
    disk_file_write(first, 0, content, SIZE);
    CHECK(disk_file_check(first, NULL) == DISK_CHECK_GOOD);
    disk_file_write(second, 0, wrong, SIZE);
    CHECK(has(first, content, 0, SIZE));
    CHECK(disk_file_is_verified(first));
    disk_file_close(second);
    second = disk_file_open(late, digest, SIZE);
    CHECK(disk_file_is_verified(second));
    disk_file_write(second, 0, wrong, SIZE);
    CHECK(has(second, content, 0, SIZE));
    disk_file_close(first);
    disk_file_close(second);
    disk_cache_free(early);
    disk_cache_free(late);
}

struct writer {
    struct disk_file *file;
    const char *content;
};

static void *write_again_and_again(void *context)
{
    struct writer *writer = context;
    for (int round = 0; round < 40; round++) {
        for (uint64_t at = 0; at + DISK_BLOCK <= SIZE; at += DISK_BLOCK)
            disk_file_write(writer->file, at, writer->content + at, DISK_BLOCK);
    }
    return NULL;
}

/* Right and wrong bytes of one content from four threads, through one handle and through several:
 * each block is one or the other, and what is verified is right. */
static void writers_do_not_mix(bool one_handle)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 3, digest);
    cleanup_free char *wrong = content_new(SIZE, 4, (unsigned char[MD5_SIZE]){0});
    cleanup_free char *buffer = malloc(SIZE);
    struct writer writers[4];
    pthread_t threads[4];
    unsigned bad = 0;
    use_directory(one_handle ? "mix-one" : "mix-many");
    struct disk_cache *cache = mount_of("https://a");
    for (int round = 0; round < 20; round++) {
        struct disk_file *file = disk_file_open(cache, digest, SIZE);
        for (int i = 0; i < 4; i++) {
            writers[i].content = i % 2 ? wrong : content;
            writers[i].file = one_handle ? file : disk_file_open(cache, digest, SIZE);
            pthread_create(&threads[i], NULL, write_again_and_again, &writers[i]);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            if (!one_handle)
                disk_file_close(writers[i].file);
        }
        disk_file_write(file, 0, content, SIZE);
        CHECK(disk_file_read(file, 0, buffer, SIZE) == SIZE);
        for (uint64_t at = 0; at + DISK_BLOCK <= SIZE; at += DISK_BLOCK) {
            const char *of = memcmp(buffer + at, content + at, DISK_BLOCK) == 0 ? content : wrong;
            bad += memcmp(buffer + at, of + at, DISK_BLOCK) != 0;
        }
        bool right = memcmp(buffer, content, SIZE) == 0;
        CHECK(disk_file_check(file, NULL) == (right ? DISK_CHECK_GOOD : DISK_CHECK_BAD));
        disk_file_close(file);
    }
    struct disk_cache_figures figures;
    disk_cache_read_figures(cache, &figures);
    CHECK(bad == 0);
    CHECK(figures.damaged == 0);
    disk_cache_free(cache);
}

static void unverified_bytes_stay_with_their_server(void)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 5, digest);
    cleanup_free char *hostile = content_new(SIZE, 6, (unsigned char[MD5_SIZE]){0});
    char byte;
    use_directory("servers");
    struct disk_cache *theirs = mount_of("https://evil"), *ours = mount_of("https://a");
    struct disk_cache *again = mount_of("https://evil"), *third = mount_of("https://b");
    struct disk_file *file = disk_file_open(theirs, digest, SIZE);
    disk_file_write(file, 0, hostile, DISK_BLOCK);
    struct disk_file *own = disk_file_open(ours, digest, SIZE);
    CHECK(disk_file_read(own, 0, &byte, 1) == 0);
    struct disk_file *same = disk_file_open(again, digest, SIZE);
    CHECK(disk_file_read(same, 0, &byte, 1) == 1 && byte == hostile[0]);
    disk_file_close(same);
    /* What is verified is everybody's, also for those who have it open from another server. */
    disk_file_write(own, 0, content, SIZE);
    struct disk_file *other = disk_file_open(third, digest, SIZE);
    CHECK(disk_file_read(other, 0, &byte, 1) == 0);
    disk_file_close(other);
    CHECK(disk_file_check(own, NULL) == DISK_CHECK_GOOD);
    other = disk_file_open(third, digest, SIZE);
    CHECK(disk_file_is_verified(other));
    CHECK(has(other, content, 0, SIZE));
    same = disk_file_open(again, digest, SIZE);
    CHECK(has(same, content, 0, SIZE));
    disk_file_close(same);
    disk_file_close(other);
    disk_file_close(own);
    disk_file_close(file);
    disk_cache_free(theirs);
    disk_cache_free(ours);
    disk_cache_free(again);
    disk_cache_free(third);
}

/* A verified content that loses a block on disk: what is fetched for it is unverified again. */
static void the_rest_of_a_damaged_content_is_not_for_everybody(void)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 7, digest);
    cleanup_free char *hostile = content_new(SIZE, 8, (unsigned char[MD5_SIZE]){0});
    char path[PATH_MAX], byte;
    struct disk_key key = {.size = SIZE};
    use_directory("damage");
    struct disk_cache *theirs = mount_of("https://evil"), *ours = mount_of("https://a");
    struct disk_file *own = disk_file_open(ours, digest, SIZE);
    disk_file_write(own, 0, content, SIZE);
    CHECK(disk_file_check(own, NULL) == DISK_CHECK_GOOD);
    struct disk_file *file = disk_file_open(theirs, digest, SIZE);
    CHECK(has(own, content, 0, SIZE) && has(file, content, 0, SIZE));
    memcpy(key.md5, digest, MD5_SIZE);
    CHECK(disk_place_path(where, NULL, &key, path));
    int data = open(path, O_WRONLY);
    CHECK(pwrite(data, "damage", 6, 100) == 6);
    close(data);
    CHECK(disk_file_read(file, 0, &byte, 1) == 0);
    disk_file_write(file, 0, hostile, DISK_BLOCK);
    CHECK(has(file, hostile, 0, DISK_BLOCK));
    CHECK(has(file, content, DISK_BLOCK, SIZE - DISK_BLOCK));
    CHECK(disk_file_read(own, 0, &byte, 1) == 0);
    CHECK(!disk_file_is_verified(own));
    disk_file_close(own);
    disk_file_close(file);
    disk_cache_free(theirs);
    disk_cache_free(ours);
}

/* Locks everything in the cache directory, as another process would. */
static int held[16];
static unsigned held_count;

static int lock_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    int descriptor = open(path, O_RDONLY);
    if (descriptor >= 0 && held_count < sizeof held / sizeof *held &&
        flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        held[held_count++] = descriptor;
    else if (descriptor >= 0)
        close(descriptor);
    return 0;
}

static void unlock_all(void)
{
    while (held_count > 0)
        close(held[--held_count]);
}

/* If somebody waited for a lock, this would never end. */
static void no_lock_is_waited_for(void)
{
    unsigned char digest[MD5_SIZE], another[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 9, digest);
    cleanup_free char *second = content_new(SIZE, 10, another);
    struct disk_cache_figures figures;
    use_directory("locks");
    struct disk_cache *cache = mount_of("https://a");
    struct disk_file *file = disk_file_open(cache, digest, SIZE);
    disk_file_write(file, 0, content, MIB / 2);
    disk_file_close(file);
    disk_cache_free(cache);
    nftw(where, lock_one, 16, FTW_PHYS);
    CHECK(held_count >= 4);
    int64_t started = clock_milliseconds();
    cache = mount_of("https://a");
    file = disk_file_open(cache, digest, SIZE);
    CHECK(disk_file_read(file, 0, content, SIZE) == 0);
    disk_file_write(file, 0, content, SIZE);
    struct disk_file *other = disk_file_open(cache, another, SIZE);
    disk_file_write(other, 0, second, SIZE);
    disk_cache_read_figures(cache, &figures);
    CHECK(strstr(figures.problem, "locked"));
    disk_file_close(other);
    disk_file_close(file);
    disk_cache_free(cache);
    CHECK(clock_milliseconds() - started < PATIENCE_MS);
    unlock_all();
    /* The twin: nobody holds anything. */
    cache = mount_of("https://a");
    file = disk_file_open(cache, digest, SIZE);
    CHECK(disk_file_read(file, 0, content, MIB / 2) == MIB / 2);
    disk_file_close(file);
    other = disk_file_open(cache, another, SIZE);
    disk_file_write(other, 0, second, SIZE);
    CHECK(disk_file_check(other, NULL) == DISK_CHECK_GOOD);
    disk_file_close(other);
    disk_cache_free(cache);
}

static bool is_refused(mode_t mode, uid_t owner, gid_t group)
{
    char message[PATH_MAX + 512] = "";
    CHECK(chown(where, owner, group) == 0 && chmod(where, mode) == 0);
    bool unsafe = disk_place_is_unsafe(where, message, sizeof message);
    CHECK(unsafe == (strstr(message, "cannot be trusted") != NULL));
    CHECK(!unsafe == private_directory_make(where));
    return unsafe;
}

static void directories_of_others_are_refused(void)
{
    struct group *everybody = getgrnam("users");
    char inner[128];
    use_directory("trust");
    CHECK(!disk_place_is_unsafe(where, inner, sizeof inner)); /* not there yet */
    mkdir(where, 0700);
    CHECK(!is_refused(0700, geteuid(), getegid()));
    CHECK(!is_refused(0755, geteuid(), getegid()));
    CHECK(is_refused(0777, geteuid(), getegid()));
    CHECK(is_refused(01777, geteuid(), getegid()));
    if (geteuid() == 0) {
        CHECK(!is_refused(0775, 0, 0)); /* umask 002, and a group of one's own */
        CHECK(is_refused(0700, 65534, 0));
        CHECK(is_refused(0775, 0, everybody ? everybody->gr_gid : 100));
    }
    CHECK(!is_refused(0700, geteuid(), getegid()));
    const char *const inside[] = {"objects", "objects/ab", "unverified"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        snprintf(inner, sizeof inner, "%s/%s", where, inside[i]);
        mkdir(inner, 0700);
        CHECK(!is_refused(0700, geteuid(), getegid()));
        chmod(inner, 0777);
        char message[PATH_MAX + 512];
        CHECK(disk_place_is_unsafe(where, message, sizeof message) && strstr(message, inner));
        chmod(inner, 0700);
    }
}

/* Somebody else's file in our directory is not served, and does not stay in the way. */
static void files_of_others_are_not_used(mode_t mode, uid_t owner)
{
    unsigned char digest[MD5_SIZE];
    cleanup_free char *content = content_new(SIZE, 11, digest);
    char path[PATH_MAX], blocks[PATH_MAX + 16], byte;
    struct disk_key key = {.size = SIZE};
    use_directory("forged");
    struct disk_cache *cache = mount_of("https://a");
    struct disk_file *file = disk_file_open(cache, digest, SIZE);
    disk_file_write(file, 0, content, SIZE);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    disk_file_close(file);
    memcpy(key.md5, digest, MD5_SIZE);
    CHECK(disk_place_path(where, NULL, &key, path));
    snprintf(blocks, sizeof blocks, "%s" DISK_BLOCKS_SUFFIX, path);
    file = disk_file_open(cache, digest, SIZE);
    CHECK(disk_file_read(file, 0, &byte, 1) == 1);
    disk_file_close(file);
    CHECK(chmod(blocks, mode) == 0 && chown(blocks, owner, (gid_t)-1) == 0);
    file = disk_file_open(cache, digest, SIZE);
    CHECK(disk_file_read(file, 0, &byte, 1) == 0);
    disk_file_write(file, 0, content, SIZE);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    CHECK(has(file, content, 0, SIZE));
    disk_file_close(file);
    disk_cache_free(cache);
}

/* A content that is held is read past the cache: nobody writes into its file, or makes room with
 * it, not even who finds it damaged. */
static void what_is_held_does_not_change(bool is_held)
{
    unsigned char digest[MD5_SIZE];
    char path[PATH_MAX], byte = 0;
    bool touched;
    cleanup_free char *content = content_new(SIZE, 1, digest);
    cleanup_free char *wrong = content_new(SIZE, 2, (unsigned char[MD5_SIZE]){0});
    struct disk_key key = {.size = SIZE};
    memcpy(key.md5, digest, MD5_SIZE);
    use_directory(is_held ? "held" : "not-held");
    struct disk_cache *one = mount_of("https://a"), *two = mount_of("https://b");
    struct disk_file *first = disk_file_open(one, digest, SIZE);
    disk_file_write(first, 0, content, SIZE);
    CHECK(!disk_file_hold(first, &touched) && !touched);
    CHECK(disk_file_check(first, NULL) == DISK_CHECK_GOOD);
    struct disk_hold *hold = disk_file_hold(first, &touched);
    CHECK(hold && pread(disk_hold_descriptor(hold), &byte, 1, SIZE - 1) == 1);
    CHECK(byte == content[SIZE - 1]);
    disk_file_close(first);
    CHECK(disk_place_path(where, NULL, &key, path) && !disk_place_remove(path, NULL));
    cleanup_close int data = open(path, O_RDWR | O_CLOEXEC);
    byte = (char)~content[0];
    CHECK(pwrite(data, &byte, 1, 0) == 1);
    if (!is_held)
        disk_hold_release(hold);
    struct disk_file *second = disk_file_open(two, digest, SIZE);
    CHECK(!disk_file_hold(second, &touched) && touched);
    CHECK(!has(second, content, 0, DISK_BLOCK));
    disk_file_write(second, 0, wrong, DISK_BLOCK);
    CHECK(pread(data, &byte, 1, 0) == 1 && (byte == wrong[0]) == !is_held);
    disk_file_close(second);
    if (is_held)
        disk_hold_release(hold);
    disk_cache_free(one);
    disk_cache_free(two);
}

/* What was touched is held again once it was compared; what was altered is not. */
static void touched_contents_are_compared(bool altered)
{
    unsigned char digest[MD5_SIZE];
    char path[PATH_MAX], byte = 0;
    bool touched;
    cleanup_free char *content = content_new(SIZE, 1, digest);
    struct disk_key key = {.size = SIZE};
    memcpy(key.md5, digest, MD5_SIZE);
    use_directory(altered ? "altered" : "touched");
    struct disk_cache *cache = mount_of("https://a");
    struct disk_file *file = disk_file_open(cache, digest, SIZE);
    disk_file_write(file, 0, content, SIZE);
    CHECK(disk_file_check(file, NULL) == DISK_CHECK_GOOD);
    CHECK(disk_place_path(where, NULL, &key, path));
    cleanup_close int data = open(path, O_RDWR | O_CLOEXEC);
    byte = altered ? (char)~content[7] : content[7];
    CHECK(pwrite(data, &byte, 1, 7) == 1);
    CHECK(!disk_file_hold(file, &touched) && touched);
    CHECK((disk_file_check_again(file, NULL) == DISK_CHECK_GOOD) == !altered);
    struct disk_hold *hold = disk_file_hold(file, &touched);
    CHECK(!hold == altered);
    disk_hold_release(hold);
    disk_file_close(file);
    disk_cache_free(cache);
}

/* --- who fetches --- */

static bool fetches(struct disk_file *file, uint64_t from, uint64_t end, struct disk_flight *flight,
                    bool ours, uint64_t expected_end)
{
    bool answer = disk_flight_begin(file, from, &end, flight);
    return answer == ours && end == expected_end && (flight->descriptor >= 0) == ours;
}

static void one_of_two_fetches(void)
{
    enum { PIECE = 4 * MIB };
    unsigned char digest[MD5_SIZE] = {7};
    use_directory("flight");
    struct disk_cache *one = mount_of("https://a"), *other = mount_of("https://a");
    struct disk_file *first = disk_file_open(one, digest, 8 * PIECE);
    struct disk_file *second = disk_file_open(other, digest, 8 * PIECE);
    struct disk_flight flight, next, refused;
    CHECK(fetches(first, PIECE, 2 * PIECE, &flight, true, 2 * PIECE));
    /* Up to where the other one begins, from within it up to its end, and beyond. */
    CHECK(fetches(second, 0, 4 * PIECE, &next, true, PIECE));
    disk_flight_end(&next);
    CHECK(fetches(second, PIECE + MIB, 4 * PIECE, &refused, false, 2 * PIECE));
    CHECK(fetches(second, PIECE + MIB, PIECE + 2 * MIB, &refused, false, PIECE + 2 * MIB));
    CHECK(fetches(second, 2 * PIECE, 4 * PIECE, &next, true, 4 * PIECE));
    /* Several of one process end each by itself. */
    struct disk_flight more;
    CHECK(fetches(first, 5 * PIECE, 6 * PIECE, &more, true, 6 * PIECE));
    disk_flight_end(&flight);
    CHECK(fetches(second, 5 * PIECE, 6 * PIECE, &refused, false, 6 * PIECE));
    CHECK(fetches(second, PIECE, 2 * PIECE, &flight, true, 2 * PIECE));
    disk_flight_end(&flight);
    disk_flight_end(&next);
    disk_flight_end(&more);
    /* Nobody who writes, or holds the whole content, is kept off by who fetches. */
    CHECK(fetches(first, 0, PIECE, &flight, true, PIECE));
    cleanup_free char *content = calloc(1, DISK_BLOCK);
    disk_file_write(second, 0, content, DISK_BLOCK);
    CHECK(has(first, content, 0, DISK_BLOCK));
    disk_flight_end(&flight);
    disk_file_close(first);
    disk_file_close(second);
    disk_cache_free(one);
    disk_cache_free(other);
}

/* The kernel ends what its process does not. */
static void who_is_killed_fetches_nothing(void)
{
    unsigned char digest[MD5_SIZE] = {8};
    struct disk_flight flight;
    int ready[2];
    char byte;
    use_directory("killed-flight");
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct disk_file *file = disk_file_open(mount_of("https://a"), digest, MIB);
        uint64_t end = MIB;
        if (disk_flight_begin(file, 0, &end, &flight) && write(ready[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    struct disk_cache *cache = mount_of("https://a");
    struct disk_file *file = disk_file_open(cache, digest, MIB);
    CHECK(fetches(file, 0, MIB, &flight, false, MIB));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CHECK(fetches(file, 0, MIB, &flight, true, MIB));
    disk_flight_end(&flight);
    disk_file_close(file);
    disk_cache_free(cache);
}

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    late_bytes_change_nothing(true);
    late_bytes_change_nothing(false);
    writers_do_not_mix(true);
    writers_do_not_mix(false);
    unverified_bytes_stay_with_their_server();
    the_rest_of_a_damaged_content_is_not_for_everybody();
    what_is_held_does_not_change(true);
    what_is_held_does_not_change(false);
    touched_contents_are_compared(true);
    touched_contents_are_compared(false);
    no_lock_is_waited_for();
    one_of_two_fetches();
    who_is_killed_fetches_nothing();
    directories_of_others_are_refused();
    files_of_others_are_not_used(0666, geteuid());
    if (geteuid() == 0)
        files_of_others_are_not_used(0600, 65534);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_result();
}
