/* SPDX-License-Identifier: MIT */
/* A small HTTP server for unit tests: answers raw bytes by path and remembers what it was asked. */
#ifndef TESTS_UNIT_SERVER_H
#define TESTS_UNIT_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum server_then { THEN_KEEP, THEN_CLOSE, THEN_HANG };

enum { SERVER_FOREVER = -1, SERVER_MOST = 64 };

struct server_answer {
    char path[64];
    const char *bytes; /* borrowed */
    int times;
    enum server_then then;
};

/* The head of a request. */
struct server_hit {
    char path[256];
    char head[4096];
};

struct server {
    int port;
    int listener;
    pthread_t acceptor;
    pthread_mutex_t lock;
    bool stopping;                             /* under lock, as all below */
    struct server_answer answers[SERVER_MOST]; /* of one path, the first with times left counts */
    size_t answer_count;
    struct server_hit hits[SERVER_MOST];
    size_t hit_count;
    int connections[SERVER_MOST];
    pthread_t threads[SERVER_MOST];
    size_t connection_count;
};

bool server_start(struct server *server);
void server_stop(struct server *server);

/* What is not announced is answered 404. */
void server_answer(struct server *server, const char *path, int times, const char *bytes,
                   enum server_then then);
/* How often a path was asked for. */
int server_count(struct server *server, const char *path);
/* Whether the latest request for a path has this text in its head. */
bool server_saw(struct server *server, const char *path, const char *text);

#endif
