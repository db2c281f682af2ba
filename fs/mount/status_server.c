/* SPDX-License-Identifier: MIT */
#include "status_server.h"

#include "base/clock.h"
#include "content/private_directory.h"
#include "report/options.h"
#include "status_path.h"
#include "tree/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
    CHECK_AGAIN_MS = 1000,
    WATCHER_CHECK_AGAIN_MS = 10000, /* for one who looks again and again */
    CHECK_LIMIT_MS = 5000,
    PEER_LIMIT_SECONDS = 2,
    LOOK_AGAIN_MS = 2000, /* whether the file is still there */
    BACKLOG = 16,
    SHORTAGE_PAUSE_MS = 200,
};

struct status_server {
    struct filesystem *fs;
    pthread_t thread;
    int abstract; /* listens under the abstract name; -1: cannot */
    int stop;     /* eventfd */
    char key[STATUS_KEY_SIZE];
    /* the thread's own, once it runs */
    int listener; /* of the file; -1: none */
    int spare;    /* given up for a caller when descriptors have run out; -1: none */
    struct sockaddr_un address;
    struct stat file; /* as it was made */
    int64_t checked;  /* clock_milliseconds(); 0: never */
    struct error verdict;
};

static bool somebody_listens(const struct sockaddr_un *address)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 &&
           (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool listen_at(struct status_server *server)
{
    const struct sockaddr *address = (const struct sockaddr *)&server->address;
    cleanup_close int fd = new_socket();
    if (fd < 0)
        return false;
    int result = bind(fd, address, sizeof server->address);
    if (result < 0 && errno == EADDRINUSE && !somebody_listens(&server->address)) {
        unlink(server->address.sun_path);
        result = bind(fd, address, sizeof server->address);
    }
    /* Nobody can connect before listen(), so the mode is never too wide. */
    if (result < 0 || chmod(server->address.sun_path, 0600) < 0 ||
        lstat(server->address.sun_path, &server->file) < 0 || listen(fd, BACKLOG) < 0)
        return false;
    server->listener = fd;
    fd = -1;
    return true;
}

static bool listen_somewhere(struct status_server *server)
{
    char directory[PATH_MAX];
    socklen_t size;
    for (int number = 0; number < STATUS_DIRECTORIES; number++) {
        if (status_directory(number, geteuid(), directory, sizeof directory) &&
            private_directory_make(directory) &&
            status_address(directory, server->key, &server->address, &size) && listen_at(server))
            return true;
    }
    return false;
}

static int listen_abstractly(const struct status_server *server)
{
    struct sockaddr_un address;
    socklen_t size;
    cleanup_close int fd = new_socket();
    if (fd < 0 || !status_address(NULL, server->key, &address, &size) ||
        bind(fd, (const struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    int listener = fd;
    fd = -1;
    return listener;
}

static bool file_is_ours(const struct status_server *server)
{
    struct stat now;
    return lstat(server->address.sun_path, &now) == 0 && now.st_ino == server->file.st_ino &&
           now.st_dev == server->file.st_dev;
}

/* Runtime directories are cleaned by age, and go when their user logs out. */
static void keep_file(struct status_server *server)
{
    if (server->listener >= 0 && file_is_ours(server))
        return;
    if (server->listener >= 0)
        close(server->listener);
    server->listener = -1;
    if (listen_somewhere(server))
        log_write(server->fs->log, CLIENT_LOG_DEBUG, "status socket made anew: %s",
                  server->address.sun_path);
}

static void check(struct status_server *server, int64_t again_ms)
{
    int64_t now = clock_milliseconds();
    if (server->checked && now - server->checked < again_ms)
        return;
    struct call call = {.deadline = now + CHECK_LIMIT_MS, .error = &server->verdict};
    cleanup_object struct viewer *viewer = NULL;
    error_clear(&server->verdict);
    client_check(server->fs->client, &call, &viewer);
    server->checked = clock_milliseconds();
}

static void send_all(int fd, const struct buf *answer)
{
    for (size_t sent = 0; sent < answer->size;) {
        ssize_t count = send(fd, answer->data + sent, answer->size - sent, MSG_NOSIGNAL);
        if (count <= 0)
            return;
        sent += (size_t)count;
    }
}

static enum status_format format_of(const char *wanted)
{
    if (strncmp(wanted, "json", 4) == 0)
        return STATUS_JSON;
    return strncmp(wanted, "watch", 5) == 0 ? STATUS_WATCH : STATUS_LINES;
}

/* The abstract name has no owner and no mode. */
static bool may_ask(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void answer(struct status_server *server, int fd)
{
    struct timeval limit = {.tv_sec = PEER_LIMIT_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    char wanted[16] = "";
    if (recv(fd, wanted, sizeof wanted - 1, 0) <= 0)
        return;
    enum status_format format = format_of(wanted);
    check(server, format == STATUS_WATCH ? WATCHER_CHECK_AGAIN_MS : CHECK_AGAIN_MS);
    const char *state = server->verdict.kind == ERROR_NONE ? "healthy" : "degraded";
    cleanup_buf struct buf text;
    buf_init(&text, STATUS_CEILING);
    buf_printf(&text, "%s\n", state);
    pthread_mutex_lock(&server->fs->nodes.lock);
    status_render(server->fs, format, state, server->verdict.message, &text);
    pthread_mutex_unlock(&server->fs->nodes.lock);
    send_all(fd, &text);
}

/* A caller that cannot be taken stays in the queue: without the pause, poll() would return for it
 * again and again. */
static int take_caller(struct status_server *server, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
        return fd;
    if (server->spare >= 0)
        close(server->spare);
    server->spare = -1;
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        poll(&(struct pollfd){.fd = server->stop, .events = POLLIN}, 1, SHORTAGE_PAUSE_MS);
    return fd;
}

/* The lowest number there is: it is of no use above a limit that is lowered while we run. */
static void take_spare(struct status_server *server)
{
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC), other = lowest;
    if (lowest >= 0 && (server->spare < 0 || lowest < server->spare)) {
        other = server->spare;
        server->spare = lowest;
    }
    if (other >= 0)
        close(other);
}

static void accept_one(struct status_server *server, int listener)
{
    int fd = take_caller(server, listener);
    if (fd >= 0 && may_ask(fd))
        answer(server, fd);
    if (fd >= 0)
        close(fd);
    take_spare(server);
}

static void *serve(void *context)
{
    struct status_server *server = context;
    for (;;) {
        struct pollfd waits[] = {{.fd = server->stop, .events = POLLIN},
                                 {.fd = server->listener, .events = POLLIN},
                                 {.fd = server->abstract, .events = POLLIN}};
        if (poll(waits, 3, LOOK_AGAIN_MS) < 0 && errno != EINTR)
            return NULL;
        if (waits[0].revents)
            return NULL;
        if (waits[1].revents)
            accept_one(server, server->listener);
        if (waits[2].revents)
            accept_one(server, server->abstract);
        keep_file(server);
    }
}

static void free_server(struct status_server *server)
{
    if (server->listener >= 0) {
        if (file_is_ours(server))
            unlink(server->address.sun_path);
        close(server->listener);
    }
    if (server->abstract >= 0)
        close(server->abstract);
    if (server->stop >= 0)
        close(server->stop);
    if (server->spare >= 0)
        close(server->spare);
    free(server);
}

struct status_server *status_server_start(struct filesystem *fs, const char *key)
{
    struct status_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->fs = fs;
    server->listener = server->spare = -1;
    take_spare(server);
    snprintf(server->key, sizeof server->key, "%s", key);
    server->stop = eventfd(0, EFD_CLOEXEC);
    server->abstract = listen_abstractly(server);
    bool listens = listen_somewhere(server);
    if (listens)
        log_write(fs->log, CLIENT_LOG_DEBUG, "status socket: %s", server->address.sun_path);
    else if (server->abstract < 0)
        log_write(fs->log, CLIENT_LOG_WARNING,
                  "no status socket (%s): --status will not find this mount; make /run/registryfs "
                  "or $XDG_RUNTIME_DIR writable",
                  strerror(errno));
    if (server->stop >= 0 && (listens || server->abstract >= 0) &&
        pthread_create(&server->thread, NULL, serve, server) == 0)
        return server;
    free_server(server);
    return NULL;
}

void status_server_stop(struct status_server *server)
{
    if (!server)
        return;
    eventfd_write(server->stop, 1);
    pthread_join(server->thread, NULL);
    free_server(server);
}
