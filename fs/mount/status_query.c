/* SPDX-License-Identifier: MIT */
#include "status_query.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "mount_table.h"
#include "status_path.h"
#include "tree/status.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { LIMIT_MS = 15000, REASON_SIZE = 512, WATCH_SECONDS = 1 };

struct query {
    const char *target;
    struct mount_place place;
    char key[STATUS_KEY_SIZE]; /* of the mount's sockets; empty: there is no mount */
    uid_t owner;               /* who mounted */
    char reason[REASON_SIZE];
};

/* What the kernel says of the mountpoint, without touching it. */
static void find_mount(struct query *query, const struct mount_table *table)
{
    if (strncmp(query->target, "/dev/fd/", strlen("/dev/fd/")) == 0) {
        status_key(0, query->target, query->key);
        return;
    }
    if (!mount_table_resolve(table, query->target, &query->place)) {
        snprintf(query->reason, sizeof query->reason, "%.300s: %s", query->target, strerror(errno));
        return;
    }
    const struct mount_entry *mount = query->place.mount;
    if (!mount || !mount->registryfs)
        return;
    query->owner = mount->owner;
    status_key(mount->device, mount->place, query->key);
}

/* Somebody else could have put a socket into /tmp. */
static bool is_trusted(int fd, uid_t owner)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid() || peer.uid == owner);
}

static int connect_to(struct query *query, const struct sockaddr_un *address, socklen_t size)
{
    const char *name = address->sun_path[0] ? address->sun_path : address->sun_path + 1;
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 2};
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)address, size) < 0) {
        if (errno != ENOENT && errno != ENOTDIR && address->sun_path[0])
            snprintf(query->reason, sizeof query->reason, "%.108s: %s", name,
                     errno == ECONNREFUSED ? "its process has ended" : strerror(errno));
        return -1;
    }
    if (!is_trusted(fd, query->owner)) {
        snprintf(query->reason, sizeof query->reason, "%.108s belongs to another user", name);
        return -1;
    }
    int connected = fd;
    fd = -1;
    return connected;
}

/* A socket's own path is short and lies in no registryfs mount: lstat would ask the mount. */
static bool is_socket(const struct query *query, struct sockaddr_un *address)
{
    struct stat attributes;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (query->key[0] || strlen(query->target) >= sizeof address->sun_path ||
        lstat(query->target, &attributes) < 0 || !S_ISSOCK(attributes.st_mode))
        return false;
    snprintf(address->sun_path, sizeof address->sun_path, "%s", query->target);
    return true;
}

static int find_socket(struct query *query)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    char directory[PATH_MAX];
    if (is_socket(query, &address))
        return connect_to(query, &address, size);
    if (!query->key[0])
        return -1;
    for (int number = 0; number <= STATUS_DIRECTORIES; number++) {
        bool abstract = number == STATUS_DIRECTORIES;
        if (!abstract && !status_directory(number, query->owner, directory, sizeof directory))
            continue;
        if (!status_address(abstract ? NULL : directory, query->key, &address, &size))
            continue;
        int fd = connect_to(query, &address, size);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

/* Reads to the end; false: cut off or too slow. */
static bool receive(int fd, struct buf *answer)
{
    int64_t deadline = clock_milliseconds() + LIMIT_MS;
    char piece[4096];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - clock_milliseconds();
        if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
            return false;
        ssize_t count = recv(fd, piece, sizeof piece, 0);
        if (count < 0 || !buf_append(answer, piece, (size_t)count))
            return false;
        if (count == 0)
            return true;
    }
}

/* Nobody answers on a socket. That is not the mount's end: it may be another user's, or its sockets
 * belong to another network and mount namespace. */
static bool is_alive(struct query *query)
{
    const struct mount_entry *mount = query->place.mount;
    if (!query->key[0] || !mount || !mount->registryfs)
        return false;
    if (mount_is_dead(mount->place)) {
        snprintf(query->reason, sizeof query->reason,
                 "the process of %.300s has ended; mount it again", mount->place);
        return false;
    }
    snprintf(query->reason, sizeof query->reason,
             "%.300s is mounted, but its status socket cannot be reached from here: ask as user "
             "%u or root, in the mount's own namespaces",
             mount->place, mount->owner);
    return true;
}

static int tell(const struct query *query, const char *state, bool json, struct buf *text)
{
    if (json) {
        buf_printf(text, "{\n  \"state\": \"%s\",\n  ", state);
        status_put_json(text, "reason", query->reason);
        buf_puts(text, "\n}\n");
    } else {
        buf_printf(text, "state: %s\nreason: %s\n", state, query->reason);
    }
    return strcmp(state, "down") == 0 ? STATUS_DOWN : STATUS_DEGRADED;
}

static int tell_unanswered(struct query *query, bool json, struct buf *text)
{
    if (is_alive(query))
        return tell(query, "degraded", json, text);
    if (!query->reason[0])
        snprintf(query->reason, sizeof query->reason, "nothing is mounted at %.300s",
                 query->target);
    return tell(query, "down", json, text);
}

/* Asks once, in a format's name and a newline; appends the answer. Returns the exit status. */
static int ask(const char *target, const char *request, struct buf *text)
{
    bool json = strcmp(request, "json\n") == 0;
    struct query query = {.target = target, .owner = geteuid()};
    cleanup_mount_table struct mount_table table = {0};
    mount_table_read(&table);
    find_mount(&query, &table);
    cleanup_close int fd = find_socket(&query);
    if (fd < 0)
        return tell_unanswered(&query, json, text);
    query.reason[0] = '\0';
    cleanup_buf struct buf answer;
    buf_init(&answer, STATUS_CEILING);
    bool complete = send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 && receive(fd, &answer);
    char *rest = complete && answer.size ? strchr(answer.data, '\n') : NULL;
    if (!rest) {
        snprintf(query.reason, sizeof query.reason, "the process of %.300s does not answer",
                 target);
        return tell(&query, "down", json, text);
    }
    buf_puts(text, rest + 1);
    return strncmp(answer.data, "healthy\n", 8) == 0 ? STATUS_HEALTHY : STATUS_DEGRADED;
}

int status_query(const char *target, bool json, FILE *out)
{
    cleanup_buf struct buf text;
    buf_init(&text, STATUS_CEILING);
    int state = ask(target, json ? "json\n" : "lines\n", &text);
    fputs(text.failed ? "state: down\n" : text.data, out);
    return state;
}

/* Over what stood on the terminal before; lines that do not fit are cut. */
static void put_frame(struct buf *text, FILE *out)
{
    struct winsize size = {0};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        size.ws_row = 24;
    fputs("\033[?7l\033[H", out);
    char *rest = text->data;
    for (unsigned row = 1; row < size.ws_row && rest && *rest; row++)
        fprintf(out, "%s\033[K\n", strsep(&rest, "\n"));
    fputs("\033[J\033[?7h", out);
}

int status_watch(const char *target, FILE *out)
{
    bool terminal = isatty(fileno(out));
    for (bool first = true;; first = false) {
        cleanup_buf struct buf text;
        buf_init(&text, STATUS_CEILING);
        int state = ask(target, "watch\n", &text);
        if (text.failed)
            return STATUS_DOWN;
        if (terminal && state != STATUS_DOWN)
            put_frame(&text, out);
        else
            fprintf(out, "%s%s", first || terminal ? "" : "\n", text.data);
        if (fflush(out) != 0 || state == STATUS_DOWN)
            return state;
        sleep(WATCH_SECONDS);
    }
}
