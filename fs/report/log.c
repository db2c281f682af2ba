/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "base/message.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <syslog.h>

struct log {
    pthread_mutex_t lock;
    char *path;
    FILE *file; /* under lock; NULL: syslog */
    enum client_log_level level;
    bool shows_progress; /* under lock: the terminal's last line is not ended */
};

/* Of a terminal: to the start of the line, which is emptied. */
static const char renew_line[] = "\r\033[K";

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [CLIENT_LOG_ERROR] = {"error", LOG_ERR},
    [CLIENT_LOG_WARNING] = {"warning", LOG_WARNING},
    [CLIENT_LOG_INFO] = {"info", LOG_INFO},
    [CLIENT_LOG_DEBUG] = {"debug", LOG_DEBUG},
};

struct log *log_open(const char *path, enum client_log_level level)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->level = level;
    pthread_mutex_init(&log->lock, NULL);
    log->file = path ? fopen(path, "ae") : stderr;
    log->path = path ? strdup(path) : NULL;
    if (log->file && (!path || log->path))
        return log;
    int saved = errno;
    log_close(log);
    errno = saved;
    return NULL;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    if (log->file && log->file != stderr)
        fclose(log->file);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
}

void log_reopen(struct log *log)
{
    if (!log->path)
        return;
    FILE *file = fopen(log->path, "ae");
    if (!file) {
        log_write(log, CLIENT_LOG_WARNING, "cannot open %s again: %s", log->path, strerror(errno));
        return;
    }
    pthread_mutex_lock(&log->lock);
    FILE *old = log->file;
    log->file = file;
    pthread_mutex_unlock(&log->lock);
    fclose(old);
}

void log_leave_terminal(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    if (log->file == stderr) {
        openlog("registryfs", LOG_PID, LOG_DAEMON);
        log->file = NULL;
    }
    pthread_mutex_unlock(&log->lock);
}

void log_show_progress(struct log *log, const char *line)
{
    pthread_mutex_lock(&log->lock);
    fprintf(stderr, "%s%s", renew_line, line);
    log->shows_progress = true;
    pthread_mutex_unlock(&log->lock);
}

void log_end_progress(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    if (log->shows_progress)
        fputc('\n', stderr);
    log->shows_progress = false;
    pthread_mutex_unlock(&log->lock);
}

void log_write(struct log *log, enum client_log_level level, const char *format, ...)
{
    if (level > log->level)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    message_clean(line, sizeof line);
    char stamp[32];
    time_t now = time(NULL);
    struct tm broken;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &broken));
    pthread_mutex_lock(&log->lock);
    if (log->shows_progress && log->file == stderr)
        fputs(renew_line, stderr);
    if (log->file) {
        fprintf(log->file, "%s registryfs %s: %s\n", stamp, levels[level].word, line);
        fflush(log->file);
    } else {
        syslog(levels[level].priority, "%s", line);
    }
    pthread_mutex_unlock(&log->lock);
}
