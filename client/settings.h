/* SPDX-License-Identifier: MIT */
/*
 * Settings of the official client: INI files and WANDB_* environment variables
 * (protocol 1.4). Read once; immutable afterwards.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include "base/buf.h"
#include "base/error.h"

#include <curl/curl.h>
#include <stddef.h>

/* Owned strings; NULL: not set. */
struct settings {
    char *base_url;
    char *app_url; /* WANDB_APP_URL: of the web pages */
    char *organization;
    char *entity;
    char *username_header; /* "X-WANDB-USERNAME: …" */
    char *email_header;    /* "X-WANDB-USER-EMAIL: …" */
    char *http_proxy;      /* WANDB_HTTP_PROXY: for the W&B host only, also with a http:// URL */
    char *https_proxy;     /* WANDB_HTTPS_PROXY */
    char *any_http_proxy;  /* HTTP_PROXY: curl itself looks at the lower-case form alone */
    char *no_proxy;        /* NO_PROXY: curl does not know ports in it */
    char *ca_file;         /* the one file of certificates that is named; else see ca_bundle */
    char *ca_directories;  /* of hashed certificates, with colons in between */
    struct buf ca_bundle;  /* the contents of several files */
    char *identity_token_file;        /* WANDB_IDENTITY_TOKEN_FILE */
    char *credentials_file;           /* WANDB_CREDENTIALS_FILE */
    char *insecure_text;              /* WANDB_INSECURE_DISABLE_SSL as written */
    char *headers_text;               /* WANDB_X_EXTRA_HTTP_HEADERS as written */
    int timeout_ms;                   /* WANDB_HTTP_TIMEOUT; 0: not set */
    bool insecure;                    /* certificates are not checked */
    struct curl_slist *extra_headers; /* "Name: value" for every request */
    struct curl_slist *proxy_headers; /* Proxy-Authorization of the extra headers */
    struct curl_slist *secrets;       /* hidden in messages until the release */
};

/*
 * Reads the section [default] of INI text into `settings`, over what is there. Unknown sections
 * and keys are passed over. Returns 0, or the number of the line that is not INI, or -1: no memory.
 */
int settings_parse(struct settings *settings, const char *text, size_t size);

/*
 * Reads a JSON object of headers; `source` names it in errors. Credentials that would collide with
 * ours (Authorization) and headers that are not one clean line are refused.
 */
int settings_parse_headers(struct settings *settings, const char *source, const char *json,
                           struct error *error);

/* Keeps a text out of all messages until the settings are released. False: no memory. */
bool settings_hide(struct settings *settings, const char *secret);

/* Replaces an owned string; an empty value unsets it. False: no memory. */
bool settings_assign(char **member, const char *bytes, size_t size);

/* Whether a text can be the value of a header. */
bool settings_is_one_line(const char *value);

/* Where settings may come from. */
struct settings_sources {
    bool base_url_given; /* by whoever starts us: a file that names another one has no say */
    bool ignores_working_directory;
    void (*warn)(void *context, const char *message); /* a file is passed over */
    void *context;
};

/*
 * Global file, then the working directory's, then the environment. A file counts only when nobody
 * but us and root can have written it. One that is not trusted or not understood: the working
 * directory's is passed over when it is not trusted; else it is an error, since it may name the
 * server, unless that is known otherwise. `settings` is to be released in any case.
 */
int settings_load(struct settings *settings, const struct settings_sources *sources,
                  struct error *error);
void settings_release(struct settings *settings);

#endif
