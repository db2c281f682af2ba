/* SPDX-License-Identifier: MIT */
/* Signed URLs as stores write them, made fit for a request. Pure. */
#ifndef CLIENT_SIGNED_URL_H
#define CLIENT_SIGNED_URL_H

/* Owned strings. */
struct signed_url {
    char *text;     /* without user information; raw blanks and control characters encoded */
    char *user;     /* decoded; NULL: none was given */
    char *password; /* decoded; NULL likewise */
};

/* -1: no memory. */
int signed_url_parse(struct signed_url *url, const char *text);
void signed_url_release(struct signed_url *url);

#endif
