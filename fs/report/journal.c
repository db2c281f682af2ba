/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include "base/message.h"
#include "errnos.h"

#include <pthread.h>

enum { LINES = 100, LINE_SIZE = 1200 };

struct journal {
    pthread_mutex_t lock;
    char *lines[LINES]; /* under lock; a ring, NULL where none yet */
    unsigned next;      /* under lock */
};

struct journal *journal_new(void)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal)
        pthread_mutex_init(&journal->lock, NULL);
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    for (int i = 0; i < LINES; i++)
        free(journal->lines[i]);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

void journal_add(struct journal *journal, const char *operation, const char *path,
                 enum error_kind kind, const char *message)
{
    char line[LINE_SIZE];
    char stamp[32];
    time_t now = time(NULL);
    struct tm broken;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &broken));
    snprintf(line, sizeof line, "%s %s %s %s %s", stamp, operation, path, errno_name(kind),
             message);
    message_clean(line, sizeof line);
    char *copy = strdup(line);
    if (!copy)
        return;
    pthread_mutex_lock(&journal->lock);
    char *old = journal->lines[journal->next];
    journal->lines[journal->next] = copy;
    journal->next = (journal->next + 1) % LINES;
    pthread_mutex_unlock(&journal->lock);
    free(old);
}

void journal_render(struct journal *journal, struct buf *out)
{
    pthread_mutex_lock(&journal->lock);
    for (unsigned i = 0; i < LINES; i++) {
        const char *line = journal->lines[(journal->next + i) % LINES];
        if (line) {
            buf_puts(out, line);
            buf_putc(out, '\n');
        }
    }
    pthread_mutex_unlock(&journal->lock);
}

void journal_last(struct journal *journal, char *line, size_t size)
{
    pthread_mutex_lock(&journal->lock);
    const char *last = journal->lines[(journal->next + LINES - 1) % LINES];
    snprintf(line, size, "%s", last ? last : "");
    pthread_mutex_unlock(&journal->lock);
}
