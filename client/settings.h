/* SPDX-License-Identifier: MIT */
/*
 * Settings of the official client: INI files and WANDB_* environment variables
 * (protocol 1.4). Read once; immutable afterwards.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include "base/error.h"

#include <curl/curl.h>
#include <stddef.h>

/* Owned strings; NULL: not set. */
struct settings {
    char *base_url;
    char *organization;
    char *entity;
    char *username_header; /* "X-WANDB-USERNAME: …" */
    char *email_header;    /* "X-WANDB-USER-EMAIL: …" */
    char *http_proxy;      /* WANDB_HTTP_PROXY: for the W&B host only, also with a http:// URL */
    char *https_proxy;     /* WANDB_HTTPS_PROXY */
    char *any_http_proxy;  /* HTTP_PROXY: curl itself looks at the lower-case form alone */
    char *ca_file;         /* SSL_CERT_FILE, else REQUESTS_CA_BUNDLE */
    char *identity_token_file;        /* WANDB_IDENTITY_TOKEN_FILE */
    char *credentials_file;           /* WANDB_CREDENTIALS_FILE */
    int timeout_ms;                   /* WANDB_HTTP_TIMEOUT; 0: not set */
    bool insecure;                    /* WANDB_INSECURE_DISABLE_SSL */
    struct curl_slist *extra_headers; /* "Name: value" for every request */
    struct curl_slist *proxy_headers; /* Proxy-Authorization of the extra headers */
};

/*
 * Reads the section [default] of INI text into `settings`, over what is there. Unknown sections
 * and keys are passed over. Returns 0, or the number of the line that is not INI, or -1: no memory.
 */
int settings_parse(struct settings *settings, const char *text, size_t size);

/*
 * Reads a JSON object of headers. Credentials that would collide with ours (Authorization) and
 * headers that are not one clean line are refused.
 */
int settings_parse_headers(struct settings *settings, const char *json, struct error *error);

/* Global file, then workspace file, then environment. `settings` is to be released in any case. */
int settings_load(struct settings *settings, struct error *error);
void settings_release(struct settings *settings);

#endif
