/* SPDX-License-Identifier: MIT */
#include "internal.h"

#include "base/clock.h"
#include "base/message.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_SIZE = 1024, SLEEP_SLICE_MS = 50, LONG_SLEEP_SLICE_MS = 250 };

/* What is told, made fit for a line. */
__attribute__((format(printf, 3, 0))) static void put_message(char *message, size_t size,
                                                              const char *format, va_list arguments)
{
    vsnprintf(message, size, format, arguments);
    message_clean(message, size);
}

void client_log(const struct client *client, enum client_log_level level, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    if (!client->observer.log)
        return;
    va_start(arguments, format);
    put_message(message, sizeof message, format, arguments);
    va_end(arguments);
    client->observer.log(client->observer.context, level, message);
}

void client_report(const struct client *client, enum error_kind kind, const char *operation,
                   const char *object, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    if (!client->observer.report)
        return;
    va_start(arguments, format);
    put_message(message, sizeof message, format, arguments);
    va_end(arguments);
    client->observer.report(client->observer.context, kind, operation, object, message);
}

int64_t call_deadline(const struct client *client, const struct call *call)
{
    return call->deadline ? call->deadline : clock_milliseconds() + client->timeout_ms;
}

bool call_interrupted(const struct client *client, const struct call *call)
{
    if (!atomic_load(&client->shutting_down) && !(call->cancelled && atomic_load(call->cancelled)))
        return false;
    error_set(call->error, ERROR_INTERRUPTED, "interrupted");
    return true;
}

bool call_sleep_until(const struct client *client, const struct call *call, int64_t time)
{
    while (!call_interrupted(client, call)) {
        int64_t left = time - clock_milliseconds();
        if (left <= 0)
            return true;
        int64_t slice = left > 4 * LONG_SLEEP_SLICE_MS ? LONG_SLEEP_SLICE_MS : SLEEP_SLICE_MS;
        if (left > slice)
            left = slice;
        nanosleep(&(struct timespec){.tv_nsec = left * CLOCK_MILLISECOND}, NULL);
    }
    return false;
}
