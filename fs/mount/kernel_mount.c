/* SPDX-License-Identifier: MIT */
#include "kernel_mount.h"

#include "base/banned.h"
#include "base/buf.h"
#include "mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DEVICE "/dev/fuse"
#define HELPER "fusermount3"
#define TYPE   "fuse.registryfs"
/* How it is told where to send the descriptor that it has mounted. */
#define HELPER_SOCKET "_FUSE_COMMFD="

enum { LIST_CEILING = 16384, WORDS_SIZE = 512 };

extern char **environ;

static const struct {
    const char *name;
    unsigned long set, cleared;
    bool helper_knows;
} flags[] = {
    {"dev", 0, MS_NODEV, true},
    {"nodev", MS_NODEV, 0, true},
    {"suid", 0, MS_NOSUID, true},
    {"nosuid", MS_NOSUID, 0, true},
    {"exec", 0, MS_NOEXEC, true},
    {"noexec", MS_NOEXEC, 0, true},
    {"atime", 0, MS_NOATIME, true},
    {"noatime", MS_NOATIME, 0, true},
    {"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME, false},
    {"relatime", MS_RELATIME, 0, false},
    {"nodiratime", MS_NODIRATIME, 0, false},
    {"lazytime", MS_LAZYTIME, 0, false},
    {"dirsync", MS_DIRSYNC, 0, true},
    {"sync", MS_SYNCHRONOUS, 0, true},
    {"async", 0, MS_SYNCHRONOUS, true},
};

enum { FLAGS = sizeof flags / sizeof *flags };

/* The flag of one name of a list; -1: none. */
static int find_flag(const char *name, size_t length)
{
    for (int i = 0; i < FLAGS; i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, name, length) == 0)
            return i;
    }
    return -1;
}

/* Calls for each flag of the list, in its order. */
static void each_flag(const char *list, void (*take)(int flag, void *context), void *context)
{
    for (const char *at = list ? list : ""; *at;) {
        at += *at == ',';
        size_t length = strcspn(at, ",");
        int flag = find_flag(at, length);
        if (flag >= 0)
            take(flag, context);
        at += length;
    }
}

static void add_bits(int flag, void *context)
{
    unsigned long *bits = context;
    *bits = (*bits | flags[flag].set) & ~flags[flag].cleared;
}

static void add_name(int flag, void *context)
{
    if (flags[flag].helper_knows)
        buf_printf(context, ",%s", flags[flag].name);
}

/* mount(2) on what was opened, wherever its path leads by now. 0, or an errno. */
static int mount_directly(struct kernel_mount *mounted, const struct mountpoint *mountpoint,
                          const struct kernel_mount_options *options)
{
    char target[64], data[256];
    unsigned long bits = MS_NOSUID | MS_NODEV;
    cleanup_close int device = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (device < 0)
        return errno;
    each_flag(options->list, add_bits, &bits);
    snprintf(target, sizeof target, "/proc/self/fd/%d", mountpoint->fd);
    snprintf(data, sizeof data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u,max_read=%u%s", device,
             (unsigned)S_IFDIR, getuid(), getgid(), options->most_read,
             options->allow_other ? ",allow_other" : "");
    if (options->read_only)
        bits |= MS_RDONLY;
    const char *place = access(target, F_OK) == 0 ? target : mountpoint->path; /* without /proc */
    if (mount(options->name, place, TYPE, bits, data) < 0)
        return errno;
    mounted->device = device;
    device = -1;
    return 0;
}

/* This process' environment and one more word; the words are borrowed. */
static char **environment_with(char *word)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **words = calloc(count + 2, sizeof *words);
    for (size_t i = 0; words && i < count; i++)
        words[i] = environ[i];
    if (words)
        words[count] = word;
    return words;
}

/* Starts the helper with its complaints in a pipe and a socket for what it mounts. */
static pid_t start_helper(char *const words[], int complaints, int socket_end)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child = -1;
    char word[64];
    snprintf(word, sizeof word, HELPER_SOCKET "%d", socket_end);
    cleanup_free char **environment = environment_with(word);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    /* Onto itself: that is what takes close-on-exec away, in the child alone. */
    posix_spawn_file_actions_adddup2(&actions, socket_end, socket_end);
    if (!environment ||
        posix_spawnp(&child, words[0], &actions, &attributes, words, environment) != 0)
        child = -1;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return child;
}

/* The descriptor that comes over the socket; -1: none before it is closed. */
static int receive_descriptor(int end)
{
    char byte;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got;
    do
        got = recvmsg(end, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    int descriptor = -1;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return descriptor;
}

/* Runs the helper to its end. What it complains about stands in `words`, its first line. */
static int run_helper(char *const command[], char *words, size_t size)
{
    int ends[2], pipe_ends[2];
    words[0] = '\0';
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    if (pipe2(pipe_ends, O_CLOEXEC) < 0) {
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    pid_t child = start_helper(command, pipe_ends[1], ends[0]);
    close(ends[0]);
    close(pipe_ends[1]);
    int descriptor = child > 0 ? receive_descriptor(ends[1]) : -1;
    size_t used = 0;
    for (ssize_t got; child > 0 && used < size - 1; used += (size_t)got) {
        got = read(pipe_ends[0], words + used, size - 1 - used);
        if (got <= 0)
            break;
    }
    words[used] = '\0';
    words[strcspn(words, "\n")] = '\0';
    close(ends[1]);
    close(pipe_ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return descriptor;
}

static bool mount_by_helper(struct kernel_mount *mount, const struct mountpoint *mountpoint,
                            const struct kernel_mount_options *options, char *words, size_t size)
{
    cleanup_buf struct buf list;
    buf_init(&list, LIST_CEILING);
    buf_printf(&list, "subtype=registryfs,fsname=%s,max_read=%u%s%s", options->name,
               options->most_read, options->read_only ? ",ro" : "",
               options->allow_other ? ",allow_other" : "");
    each_flag(options->list, add_name, &list);
    if (list.failed)
        return false;
    char *command[] = {(char[]){HELPER},
                       (char[]){"-o"},
                       list.data,
                       (char[]){"--"},
                       (char *)(size_t)mountpoint->path,
                       NULL};
    mount->device = run_helper(command, words, size);
    return mount->device >= 0;
}

bool kernel_mount_has_helper(void)
{
    char candidate[512];
    for (const char *at = getenv("PATH"); at && *at;) {
        size_t length = strcspn(at, ":");
        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, at, HELPER);
        if (access(candidate, X_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

/* What the helper's words mean for who reads them; NULL: they speak for themselves. */
static const char *advice_for(const char *words)
{
    static const struct {
        const char *part, *advice;
    } known[] = {
        {"user_allow_other", "allow_other and allow_root need the line user_allow_other in "
                             "/etc/fuse.conf, or root as who mounts"},
        {"could not determine username",
         "this user's number has no name in /etc/passwd, which fusermount3 asks for: give it one, "
         "or grant the program CAP_SYS_ADMIN (setcap cap_sys_admin+p)"},
        {"/etc/mtab", "fusermount3 needs /etc/mtab, which bare systems lack: "
                      "ln -s /proc/self/mounts /etc/mtab"},
        {"no write access", "the directory must be writable for who mounts: take one of your own"},
        {"not owned by user", "the directory must belong to who mounts: take one of your own"},
        {"Operation not permitted",
         "fusermount3 may not mount here: in a container, add CAP_SYS_ADMIN"},
        {"Permission denied", "permission denied for fusermount3: take a directory of your own"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strstr(words, known[i].part))
            return known[i].advice;
    }
    return NULL;
}

static void explain(const char *path, int error_number, const char *words, char *message,
                    size_t size)
{
    const char *advice = advice_for(words);
    const char *prefix = strstr(words, HELPER ": ");
    char reason[400];
    if (!*words && error_number == EPERM && !kernel_mount_has_helper())
        advice = geteuid() == 0 ? "no permission to mount: in a container, add CAP_SYS_ADMIN"
                                : "fusermount3 is missing, which users other than root need; "
                                  "install the package fuse3";
    else if (!*words && error_number == EPERM)
        advice = "fusermount3 failed without a word: is it installed with its setuid bit?";
    else if (!*words && error_number == ENODEV)
        advice = "the kernel has no FUSE: load its module (modprobe fuse)";
    if (!advice && *words)
        snprintf(reason, sizeof reason, "%.300s", prefix ? prefix + strlen(HELPER ": ") : words);
    else
        snprintf(reason, sizeof reason, "%s", advice ? advice : strerror(error_number));
    snprintf(message, size, "cannot mount at %.300s: %s", path, reason);
}

/* Which mount it has become, by the table alone. */
static void note_identity(struct kernel_mount *mount, const struct mountpoint *mountpoint)
{
    cleanup_mount_table struct mount_table table = {0};
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", mountpoint->fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    if (!mount_table_read(&table))
        return;
    const struct mount_entry *entry =
        mount_table_at(&table, path[0] == '/' ? path : mountpoint->path);
    if (entry && entry->registryfs) {
        mount->id = entry->id;
        mount->number = entry->device;
    }
}

int kernel_mount_make(struct kernel_mount *mount, const struct mountpoint *mountpoint,
                      const struct kernel_mount_options *options, char *message, size_t size)
{
    char words[WORDS_SIZE] = "";
    *mount = (struct kernel_mount){.device = mountpoint->handed, .id = -1};
    if (mountpoint->handed >= 0) /* its place is who mounted it's business */
        return 0;
    int error_number = mount_directly(mount, mountpoint, options);
    if (error_number && !(error_number == EPERM &&
                          mount_by_helper(mount, mountpoint, options, words, sizeof words))) {
        explain(mountpoint->path, error_number, words, message, size);
        return -1;
    }
    snprintf(mount->path, sizeof mount->path, "%s", mountpoint->path);
    note_identity(mount, mountpoint);
    return 0;
}

void kernel_mount_detach(const char *path)
{
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno != EPERM)
        return;
    char words[WORDS_SIZE];
    char *command[] = {(char[]){HELPER}, (char[]){"-uzq"}, (char[]){"--"}, (char *)(size_t)path,
                       NULL};
    run_helper(command, words, sizeof words);
}

/*
 * While the kernel is connected to the device the filesystem's number is nobody else's. Once it is
 * not, the number may be another filesystem's: then only what is dead can be ours.
 */
void kernel_mount_undo(const struct kernel_mount *mount)
{
    cleanup_mount_table struct mount_table table = {0};
    struct pollfd device = {.fd = mount->device};
    if (!mount->path[0])
        return;
    bool connected = mount->device >= 0 && poll(&device, 1, 0) == 0;
    if (!mount_table_read(&table) && connected)
        kernel_mount_detach(mount->path);
    for (size_t i = 0; i < table.count; i++) {
        const struct mount_entry *entry = &table.entries[i];
        if (entry->id != mount->id || entry->device != mount->number || !entry->registryfs)
            continue;
        /* Covered by another mount it cannot be reached: umount takes what is on top. */
        if (mount_table_at(&table, entry->place) == entry &&
            (connected || mount_is_dead(entry->place)))
            kernel_mount_detach(entry->place);
        return;
    }
}
