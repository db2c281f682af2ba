/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "target_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>

enum {
    STEP = 1 << 20,    /* bytes hashed or copied at a time */
    WINDOW = 16 << 20, /* bytes that a file may be ahead of the disk, twice */
    LOCK_LOOK_MS = 100,
    DEEPEST = 200, /* folders within each other that are looked through; each is a descriptor */
};

struct target {
    char *path;
    int directory; /* -1: it is not there, and nothing is to be made */
    int partials;
    const atomic_bool *cancelled;
    struct target_record *record; /* NULL: nothing is made */
};

static bool stops_all(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EROFS || number == EIO ||
           number == EMFILE || number == ENFILE || number == ENOMEM;
}

static int failed(struct error *error, const char *what, const char *path)
{
    int number = errno;
    return error_set(error, stops_all(number) ? ERROR_LOCAL : ERROR_INVALID, "cannot %s %.300s: %s",
                     what, path, strerror(number));
}

/* --- folders --- */

/* Opens the folder that a path leads to, its last part excepted, one part after the other: so that
 * a link in it is an error (ENOTDIR or ELOOP) on any kernel. *name: that last part. */
static int open_folder(const struct target *target, const char *path, bool make, const char **name)
{
    int folder = dup(target->directory);
    for (const char *slash; folder >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        char part[NAME_MAX + 1];
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (make)
            (void)mkdirat(folder, part, 0777); /* what is wrong, opening says */
        int next = openat(folder, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int number = errno;
        close(folder);
        errno = number;
        folder = next;
    }
    *name = path;
    return folder;
}

/* --- the directory --- */

/* Whether it holds anything. */
static bool has_content(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    unsigned count = 0;
    while (entries && readdir(entries))
        count++;
    if (entries)
        closedir(entries);
    else if (copy >= 0)
        close(copy);
    return count > 2;
}

static int refuse_exact(const struct target *target, struct error *error)
{
    struct stat status;
    if (fstatat(target->directory, TARGET_MARKER, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
        !has_content(target->directory))
        return 0;
    return error_set(
        error, ERROR_LOCAL,
        "%.300s holds files and was not made by registryfs get: --exact, which removes "
        "what is not in the version, is refused there",
        target->path);
}

/* Waits until nobody else works in the directory. */
static int lock(const struct target_config *config, int marker, struct error *error)
{
    for (unsigned tries = 0; flock(marker, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set(error, ERROR_LOCAL, "cannot lock %.300s: %s", config->path,
                             strerror(errno));
        if (atomic_load(config->cancelled))
            return error_set(error, ERROR_INTERRUPTED, "interrupted");
        if (tries == 1)
            config->waits(config->path);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_LOOK_MS * CLOCK_MILLISECOND}, NULL);
    }
    return 0;
}

static int open_directory(struct target *target, const struct target_config *config,
                          struct error *error)
{
    if (!config->only_looks && mkdir(config->path, 0777) != 0 && errno != EEXIST)
        return error_set(error, ERROR_LOCAL, "cannot make %.300s: %s", config->path,
                         strerror(errno));
    target->directory = open(config->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->directory < 0 && !(config->only_looks && errno == ENOENT))
        return error_set(error, ERROR_LOCAL, "cannot open %.300s: %s", config->path,
                         strerror(errno));
    if (config->exact && target->directory >= 0 && refuse_exact(target, error) < 0)
        return -1;
    return 0;
}

static int open_marker(struct target *target, const struct target_config *config,
                       struct error *error)
{
    int marker = openat(target->directory, TARGET_MARKER,
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
    if (marker < 0)
        return error_set(error, ERROR_LOCAL, "cannot write in %.300s: %s", config->path,
                         strerror(errno));
    if (lock(config, marker, error) < 0) {
        close(marker);
        return -1;
    }
    target->record = target_record_open(marker);
    if (!target->record)
        return error_set(error, ERROR_LOCAL, "out of memory");
    if (mkdirat(target->directory, TARGET_PARTIAL, 0777) == 0 || errno == EEXIST)
        target->partials = openat(target->directory, TARGET_PARTIAL,
                                  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target->partials < 0)
        return error_set(error, ERROR_LOCAL, "cannot use %.300s/" TARGET_PARTIAL ": %s",
                         config->path, strerror(errno));
    return 0;
}

struct target *target_open(const struct target_config *config, struct error *error)
{
    struct target *target = calloc(1, sizeof *target);
    if (!target) {
        error_set(error, ERROR_LOCAL, "out of memory");
        return NULL;
    }
    target->directory = target->partials = -1;
    target->cancelled = config->cancelled;
    target->path = strdup(config->path);
    if (target->path && open_directory(target, config, error) == 0 &&
        (config->only_looks || open_marker(target, config, error) == 0))
        return target;
    error_set(error, ERROR_LOCAL, "out of memory");
    target_close(target);
    return NULL;
}

void target_close(struct target *target)
{
    if (!target)
        return;
    if (target->partials >= 0)
        close(target->partials);
    if (target->record && target->directory >= 0)
        unlinkat(target->directory, TARGET_PARTIAL, AT_REMOVEDIR);
    target_record_close(target->record);
    if (target->directory >= 0)
        close(target->directory);
    free(target->path);
    free(target);
}

int target_check_room(const struct target *target, uint64_t bytes, struct error *error)
{
    struct statvfs disk;
    if (bytes == 0 || target->directory < 0 || fstatvfs(target->directory, &disk) != 0)
        return 0;
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (bytes <= room)
        return 0;
    return error_set(
        error, ERROR_LOCAL,
        "%llu bytes are to come and %llu are free on the disk of %.200s: make room, or "
        "leave files out with --exclude",
        (unsigned long long)bytes, (unsigned long long)room, target->path);
}

/* --- what is there --- */

/* Whether the first part of the path is a name that the directory has for its own use. */
static bool is_own(const char *path)
{
    static const char *const names[] = {TARGET_MARKER, TARGET_PARTIAL};
    size_t size = strcspn(path, "/");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == size && memcmp(path, names[i], size) == 0)
            return true;
    }
    return false;
}

/* Compares the file with the digest. False: it is another, or cannot be read. */
static bool has_digest(const struct target *target, int file, const unsigned char md5[MD5_SIZE])
{
    unsigned char digest[MD5_SIZE];
    struct md5 *running = md5_new();
    cleanup_free char *buffer = malloc(STEP);
    ssize_t got = running && buffer ? 1 : -1;
    for (off_t at = 0; got > 0; at += got) {
        got = pread(file, buffer, STEP, at);
        if (got > 0 &&
            (atomic_load(target->cancelled) || !md5_update(running, buffer, (size_t)got)))
            got = -1;
    }
    bool same = got == 0 && md5_finish(running, digest) && memcmp(digest, md5, MD5_SIZE) == 0;
    md5_free(running);
    return same;
}

static enum target_state look_at_file(struct target *target, const char *path, int file,
                                      const unsigned char md5[MD5_SIZE])
{
    struct stat before, after;
    if (fstat(file, &before) != 0)
        return TARGET_OTHER;
    if (target_record_knows(target->record, path, md5, &before))
        return TARGET_RIGHT;
    if (!has_digest(target, file, md5))
        return TARGET_OTHER;
    if (fstat(file, &after) == 0 && after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
        after.st_ctim.tv_nsec == before.st_ctim.tv_nsec)
        target_record_add(target->record, path, md5, &after);
    return TARGET_RIGHT;
}

enum target_state target_look(struct target *target, const char *path,
                              const unsigned char md5[MD5_SIZE], uint64_t size, struct error *error)
{
    struct stat status;
    const char *name;
    if (is_own(path)) {
        error_set(error, ERROR_INVALID, "registryfs get has this name for itself in the directory");
        return TARGET_FAILED;
    }
    cleanup_close int folder = target->directory < 0 ? -1 : open_folder(target, path, false, &name);
    if (target->directory < 0 || (folder < 0 && errno == ENOENT))
        return TARGET_ABSENT;
    if (folder < 0 || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (folder >= 0 && errno == ENOENT)
            return TARGET_ABSENT;
        failed(error, "look at", path);
        return TARGET_FAILED;
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != size)
        return TARGET_OTHER;
    cleanup_close int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    enum target_state state = file < 0 ? TARGET_OTHER : look_at_file(target, path, file, md5);
    if (!atomic_load(target->cancelled))
        return state;
    error_set(error, ERROR_INTERRUPTED, "interrupted");
    return TARGET_FAILED;
}

bool target_may_have(struct target *target, const char *path, uint64_t size)
{
    struct stat status;
    const char *name;
    cleanup_close int folder = target->directory < 0 ? -1 : open_folder(target, path, false, &name);
    return folder >= 0 && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode) && (uint64_t)status.st_size == size;
}

/* --- what is on its way --- */

int target_open_partial(struct target *target, const char *name, struct error *error)
{
    int partial = openat(target->partials, name,
                         O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
    struct stat status;
    if (partial >= 0 && fstat(partial, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_nlink == 1)
        return partial;
    if (partial >= 0) {
        close(partial);
        errno = EEXIST;
    }
    return failed(error, "write " TARGET_PARTIAL "/", name);
}

uint64_t target_partial_size(struct target *target, const char *name)
{
    struct stat status;
    if (target->partials < 0 || fstatat(target->partials, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return (uint64_t)status.st_blocks * 512;
}

int target_reserve(int partial, uint64_t size, struct error *error)
{
    if (size == 0 || fallocate(partial, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 ||
        !stops_all(errno))
        return 0; /* not every filesystem can */
    return failed(error, "make room for", "a file");
}

/* Once a window is full the disk begins with it, and is waited for with the one before. */
static void write_back(int partial, uint64_t offset, uint64_t end)
{
    uint64_t window = end / WINDOW * WINDOW;
    if (window <= offset)
        return;
    sync_file_range(partial, (off_t)(window - WINDOW), WINDOW, SYNC_FILE_RANGE_WRITE);
    if (window >= 2 * (uint64_t)WINDOW)
        sync_file_range(partial, (off_t)(window - 2 * (uint64_t)WINDOW), WINDOW,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER);
}

int target_write(int partial, const void *data, size_t size, uint64_t offset, struct error *error)
{
    uint64_t start = offset;
    for (const char *at = data; size > 0;) {
        ssize_t written = pwrite(partial, at, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return failed(error, "write", "what has come");
        at += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    write_back(partial, start, offset);
    return 0;
}

/* One step of a copy by hand, for disks between which the kernel does not copy. */
static ssize_t copy_step(int from, int partial, uint64_t offset, struct error *error)
{
    cleanup_free char *buffer = malloc(STEP);
    ssize_t got = buffer ? pread(from, buffer, STEP, (off_t)offset) : -1;
    if (got > 0 && target_write(partial, buffer, (size_t)got, offset, error) < 0)
        return -1;
    return got;
}

int target_copy(int from, int partial, uint64_t size, const atomic_bool *cancelled,
                struct error *error)
{
    if (ioctl(partial, FICLONE, from) == 0)
        return 0;
    if (target_reserve(partial, size, error) < 0)
        return -1;
    bool by_kernel = true;
    for (uint64_t done = 0; done < size;) {
        off_t in = (off_t)done, out = (off_t)done;
        size_t step = size - done < 16 * STEP ? (size_t)(size - done) : 16 * STEP;
        if (atomic_load(cancelled))
            return error_set(error, ERROR_INTERRUPTED, "interrupted");
        ssize_t copied = by_kernel ? copy_file_range(from, &in, partial, &out, step, 0)
                                   : copy_step(from, partial, done, error);
        if (copied <= 0 && by_kernel && !(copied < 0 && stops_all(errno))) {
            by_kernel = false;
            continue;
        }
        if (copied <= 0)
            return failed(error, "copy", "a file's content");
        if (by_kernel)
            write_back(partial, done, done + (uint64_t)copied);
        done += (uint64_t)copied;
    }
    return 0;
}

void target_drop_partial(struct target *target, const char *name)
{
    unlinkat(target->partials, name, 0);
}

/* --- what is whole and right --- */

static int give_name(const struct target *target, const char *name, int folder, const char *last,
                     bool overwrite)
{
    if (overwrite)
        return renameat(target->partials, name, folder, last);
    int result = (int)syscall(SYS_renameat2, target->partials, name, folder, last,
                              RENAME_NOREPLACE); /* not in every C library */
    if (result == 0 || (errno != EINVAL && errno != ENOSYS))
        return result;
    return renameat(target->partials, name, folder, last); /* a filesystem that cannot tell */
}

int target_place(struct target *target, const char *name, int partial, const char *path,
                 bool overwrite, const unsigned char md5[MD5_SIZE], struct error *error)
{
    struct stat status;
    const char *last;
    if (fsync(partial) != 0)
        return failed(error, "write", path);
    cleanup_close int folder = open_folder(target, path, true, &last);
    if (folder < 0 || give_name(target, name, folder, last, overwrite) != 0)
        return failed(error, "make", path);
    if (fstat(partial, &status) == 0)
        target_record_add(target->record, path, md5, &status);
    return 0;
}

/* --- others' files --- */

void target_clear_partials(struct target *target)
{
    int copy = openat(target->partials, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (!entries && copy >= 0)
        close(copy);
    for (const struct dirent *entry; entries && (entry = readdir(entries)) != NULL;)
        unlinkat(target->partials, entry->d_name, 0); /* no folder is ever made there */
    if (entries)
        closedir(entries);
}

struct sweep {
    struct target *target;
    bool (*keeps)(const void *context, const char *path);
    const void *context;
    struct buf path;
    unsigned removed;
    dev_t device;
};

static int sweep_folder(struct sweep *sweep, int folder, unsigned depth, struct error *error);

static int sweep_entry(struct sweep *sweep, int folder, const char *name, unsigned depth,
                       struct error *error)
{
    struct stat status;
    const char *path = sweep->path.data;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : failed(error, "look at", path);
    if (S_ISDIR(status.st_mode)) {
        int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0 || status.st_dev != sweep->device || depth == DEEPEST) {
            if (inner >= 0)
                close(inner);
            return error_set(error, ERROR_INVALID, "%.300s is not looked through", path);
        }
        if (sweep_folder(sweep, inner, depth + 1, error) < 0)
            return -1;
        unlinkat(folder, name, AT_REMOVEDIR); /* stays when something is in it */
        return 0;
    }
    if (sweep->keeps(sweep->context, path))
        return 0;
    if (unlinkat(folder, name, 0) != 0)
        return failed(error, "remove", path);
    sweep->removed++;
    return 0;
}

/* Takes the descriptor over. */
static int sweep_folder(struct sweep *sweep, int folder, unsigned depth, struct error *error)
{
    DIR *entries = fdopendir(folder);
    size_t length = sweep->path.size;
    int result = 0;
    if (!entries) {
        close(folder);
        return error_set(error, ERROR_LOCAL, "out of memory");
    }
    for (const struct dirent *entry; result == 0 && (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if ((depth == 0 && is_own(name)) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (!buf_printf(&sweep->path, "%s%s", length ? "/" : "", name))
            result = error_set(error, ERROR_INVALID, "the folders in it are too deep");
        else
            result = sweep_entry(sweep, dirfd(entries), name, depth, error);
        buf_resize(&sweep->path, length);
    }
    closedir(entries);
    return result;
}

int target_remove_others(struct target *target,
                         bool (*keeps)(const void *context, const char *path), const void *context,
                         unsigned *removed, struct error *error)
{
    struct stat status;
    struct sweep sweep = {.target = target, .keeps = keeps, .context = context};
    int folder = openat(target->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fstat(folder, &status) != 0) {
        if (folder >= 0)
            close(folder);
        return failed(error, "look into", target->path);
    }
    sweep.device = status.st_dev;
    buf_init(&sweep.path, 64 << 10);
    int result = sweep_folder(&sweep, folder, 0, error);
    buf_release(&sweep.path);
    *removed = sweep.removed;
    return result;
}
