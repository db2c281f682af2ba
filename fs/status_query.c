/* SPDX-License-Identifier: MIT */
#include "status_query.h"

#include "base/clock.h"
#include "status.h"
#include "status_path.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { LIMIT_MS = 15000, ANSWER_CEILING = 64 * 1024, REASON_SIZE = 512 };

struct query {
    const char *target;
    char resolved[PATH_MAX];
    uid_t owner;  /* who mounted */
    bool mounted; /* the kernel has a registryfs mount there */
    char reason[REASON_SIZE];
};

/* Octal escapes of /proc/self/mountinfo (blank, tab, newline, backslash), in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        unsigned byte;
        int used;
        if (*at == '\\' && sscanf(at + 1, "%3o%n", &byte, &used) == 1 && used == 3) {
            *to = (char)byte;
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

/* What the kernel says of the mountpoint, without touching it. */
static void read_mount_table(struct query *query)
{
    FILE *table = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    while (table && getline(&line, &size, table) > 0) {
        char place[PATH_MAX];
        const char *rest = strstr(line, " - fuse.registryfs ");
        if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s", place) != 1)
            continue;
        unescape(place);
        if (strcmp(place, query->resolved) != 0)
            continue;
        query->mounted = true;
        const char *user = strstr(rest, "user_id=");
        if (user)
            query->owner = (uid_t)strtoul(user + strlen("user_id="), NULL, 10);
    }
    free(line);
    if (table)
        fclose(table);
}

/* Somebody else could have put a socket into /tmp. */
static bool is_trusted(int fd, uid_t owner)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid() || peer.uid == owner);
}

static int connect_to(struct query *query, const struct sockaddr_un *address)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 2};
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            snprintf(query->reason, sizeof query->reason, "%.108s: %s", address->sun_path,
                     errno == ECONNREFUSED ? "its process has ended" : strerror(errno));
        return -1;
    }
    if (!is_trusted(fd, query->owner)) {
        snprintf(query->reason, sizeof query->reason, "%.108s belongs to another user",
                 address->sun_path);
        return -1;
    }
    int connected = fd;
    fd = -1;
    return connected;
}

static int find_socket(struct query *query)
{
    struct stat attributes;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[PATH_MAX];
    /* A socket's path is short and a mountpoint is not looked at: lstat would ask the mount. */
    if (!query->mounted && strlen(query->target) < sizeof address.sun_path &&
        lstat(query->target, &attributes) == 0 && S_ISSOCK(attributes.st_mode)) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s", query->target);
        query->owner = attributes.st_uid;
        return connect_to(query, &address);
    }
    for (int number = 0; number < STATUS_DIRECTORIES; number++) {
        if (!status_directory(number, query->owner, directory, sizeof directory))
            continue;
        for (int other = 1; other >= 0; other--) {
            if (!status_address(directory, query->resolved, other, &address))
                continue;
            int fd = connect_to(query, &address);
            if (fd >= 0)
                return fd;
        }
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

static int down(struct query *query, bool json, FILE *out)
{
    if (!query->reason[0] && query->mounted)
        snprintf(query->reason, sizeof query->reason,
                 "%.300s is mounted but nobody answers for it; unmount it and mount again",
                 query->target);
    else if (!query->reason[0])
        snprintf(query->reason, sizeof query->reason, "nothing is mounted at %.300s",
                 query->target);
    cleanup_buf struct buf text;
    buf_init(&text, ANSWER_CEILING);
    if (json) {
        buf_puts(&text, "{\n  \"state\": \"down\",\n  ");
        status_put_json(&text, "reason", query->reason);
        buf_puts(&text, "\n}\n");
    } else {
        buf_printf(&text, "state: down\nreason: %s\n", query->reason);
    }
    fputs(text.failed ? "state: down\n" : text.data, out);
    return STATUS_DOWN;
}

int status_query(const char *target, bool json, FILE *out)
{
    struct query query = {.target = target, .owner = geteuid()};
    if (status_mountpoint(target, query.resolved, sizeof query.resolved))
        read_mount_table(&query);
    else
        snprintf(query.reason, sizeof query.reason, "%.300s: %s", target, strerror(errno));
    cleanup_close int fd = find_socket(&query);
    if (fd < 0)
        return down(&query, json, out);
    query.reason[0] = '\0';
    cleanup_buf struct buf answer;
    buf_init(&answer, ANSWER_CEILING);
    const char *request = json ? "json\n" : "lines\n";
    bool complete = send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 && receive(fd, &answer);
    char *text = complete && answer.size ? strchr(answer.data, '\n') : NULL;
    if (!text) {
        snprintf(query.reason, sizeof query.reason, "the process of %.300s does not answer",
                 target);
        return down(&query, json, out);
    }
    fputs(text + 1, out);
    return strncmp(answer.data, "healthy\n", 8) == 0 ? STATUS_HEALTHY : STATUS_DEGRADED;
}
