/* SPDX-License-Identifier: MIT */
#include "error.h"

#include "message.h"

#include <stdarg.h>

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (error->kind != ERROR_NONE)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    message_clean(error->message, sizeof error->message);
    error->kind = kind;
    return -1;
}

int error_wrap(struct error *error, const char *format, ...)
{
    char context[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof context)
        return -1;
    int room = (int)(sizeof context - (size_t)length) - 1;
    snprintf(context + length, (size_t)room + 1, ": %.*s", room > 2 ? room - 2 : 0, error->message);
    message_clean(context, sizeof context);
    memcpy(error->message, context, sizeof context);
    return -1;
}

void error_clear(struct error *error)
{
    memset(error, 0, sizeof *error);
}
