/* SPDX-License-Identifier: MIT */
/* How a content proxy has been. */
#ifndef CLIENT_CONTENT_PROXY_FIGURES_H
#define CLIENT_CONTENT_PROXY_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

struct content_proxy_figures {
    const char *name; /* as given; as long as the client */
    bool direct;      /* it stands for the storage itself */
    bool resting;     /* it failed, and is not asked for a while */
    uint64_t bytes;   /* of contents that came from there */
    uint64_t errors;  /* requests that it did not answer well */
};

#endif
