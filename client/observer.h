/* SPDX-License-Identifier: MIT */
/* Who is told what a client does and finds. */
#ifndef CLIENT_OBSERVER_H
#define CLIENT_OBSERVER_H

#include "base/error.h"

enum client_log_level { CLIENT_LOG_ERROR, CLIENT_LOG_WARNING, CLIENT_LOG_INFO, CLIENT_LOG_DEBUG };

/* What the caller wants told. Both may be called from any thread that makes a call. */
struct client_observer {
    void *context;
    void (*log)(void *context, enum client_log_level level, const char *message);
    /* Something was passed over or differs from what it should be; the call goes on. `object` is
     * a readable path such as "acme/model/churn:v3". */
    void (*report)(void *context, enum error_kind kind, const char *operation, const char *object,
                   const char *message);
};

#endif
