/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct server *server;
    int fd;
};

/* Reads a head and its body. False: the client has gone. */
static bool read_request(int fd, char *head, size_t room)
{
    size_t size = 0;
    char *end = NULL;
    while (!end) {
        ssize_t count = size + 1 < room ? recv(fd, head + size, room - size - 1, 0) : 0;
        if (count <= 0)
            return false;
        size += (size_t)count;
        head[size] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *length = strcasestr(head, "\r\nContent-Length:");
    size_t expected = length ? strtoul(length + 17, NULL, 10) : 0;
    size_t body = size - (size_t)(end + 4 - head);
    char rest[4096];
    while (body < expected) {
        ssize_t count = recv(fd, rest, sizeof rest, 0);
        if (count <= 0)
            return false;
        body += (size_t)count;
    }
    end[2] = '\0';
    return true;
}

/* Remembers the request and picks its answer. */
static struct server_answer choose(struct server *server, const char *head)
{
    static const char none[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    struct server_answer chosen = {.bytes = none};
    char path[sizeof server->hits->path] = "";
    sscanf(head, "%*s %255s", path);
    pthread_mutex_lock(&server->lock);
    if (server->hit_count < SERVER_MOST) {
        struct server_hit *hit = &server->hits[server->hit_count++];
        snprintf(hit->path, sizeof hit->path, "%s", path);
        snprintf(hit->head, sizeof hit->head, "%s", head);
    }
    for (size_t i = 0; i < server->answer_count; i++) {
        struct server_answer *answer = &server->answers[i];
        if (answer->times == 0 || strcmp(answer->path, path) != 0)
            continue;
        if (answer->times > 0)
            answer->times--;
        chosen = *answer;
        break;
    }
    pthread_mutex_unlock(&server->lock);
    return chosen;
}

static bool send_all(int fd, const char *bytes)
{
    size_t left = strlen(bytes);
    while (left > 0) {
        ssize_t count = send(fd, bytes, left, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        bytes += count;
        left -= (size_t)count;
    }
    return true;
}

static void *serve(void *context)
{
    struct connection connection = *(struct connection *)context;
    free(context);
    char head[sizeof connection.server->hits->head];
    char byte;
    while (read_request(connection.fd, head, sizeof head)) {
        struct server_answer answer = choose(connection.server, head);
        if (!send_all(connection.fd, answer.bytes) || answer.then == THEN_CLOSE)
            break;
        if (answer.then == THEN_HANG) {
            recv(connection.fd, &byte, 1, 0);
            break;
        }
    }
    shutdown(connection.fd, SHUT_RDWR);
    return NULL;
}

static void add_connection(struct server *server, int fd)
{
    struct connection *connection = malloc(sizeof *connection);
    *connection = (struct connection){.server = server, .fd = fd};
    pthread_mutex_lock(&server->lock);
    size_t index = server->connection_count;
    bool accepted = !server->stopping && index < SERVER_MOST &&
                    pthread_create(&server->threads[index], NULL, serve, connection) == 0;
    if (accepted) {
        server->connections[index] = fd;
        server->connection_count++;
    }
    pthread_mutex_unlock(&server->lock);
    if (!accepted) {
        free(connection);
        close(fd);
    }
}

static void *accept_all(void *context)
{
    struct server *server = context;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        add_connection(server, fd);
    }
}

bool server_start(struct server *server)
{
    memset(server, 0, sizeof *server);
    pthread_mutex_init(&server->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(server->listener, SERVER_MOST) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
        return false;
    server->port = ntohs(address.sin_port);
    return pthread_create(&server->acceptor, NULL, accept_all, server) == 0;
}

void server_stop(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (size_t i = 0; i < server->connection_count; i++)
        shutdown(server->connections[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (size_t i = 0; i < server->connection_count; i++) {
        pthread_join(server->threads[i], NULL);
        close(server->connections[i]);
    }
    pthread_mutex_destroy(&server->lock);
}

void server_answer(struct server *server, const char *path, int times, const char *bytes,
                   enum server_then then)
{
    pthread_mutex_lock(&server->lock);
    struct server_answer *answer = &server->answers[server->answer_count++];
    *answer = (struct server_answer){.bytes = bytes, .times = times, .then = then};
    snprintf(answer->path, sizeof answer->path, "%s", path);
    pthread_mutex_unlock(&server->lock);
}

int server_count(struct server *server, const char *path)
{
    int count = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->hit_count; i++)
        count += strcmp(server->hits[i].path, path) == 0;
    pthread_mutex_unlock(&server->lock);
    return count;
}

bool server_saw(struct server *server, const char *path, const char *text)
{
    bool seen = false;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->hit_count; i++) {
        if (strcmp(server->hits[i].path, path) == 0)
            seen = strcasestr(server->hits[i].head, text) != NULL;
    }
    pthread_mutex_unlock(&server->lock);
    return seen;
}
