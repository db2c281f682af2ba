/* SPDX-License-Identifier: MIT */
#include "target_record.h"

#include "base/banned.h"
#include "base/buf.h"

#include <pthread.h>
#include <stdint.h>

enum { RECORD_CEILING = 256 << 20 };

struct target_record {
    int marker;
    pthread_mutex_t lock; /* of what is added */
    struct buf text;      /* immutable: as it was, lines ended by NUL */
    char **lines;         /* immutable: by path, of one path the last */
    size_t count;
};

/* "MD5 SIZE INODE MODIFIED CHANGED PATH": what must be the same, and where. */
static bool write_line(struct buf *line, const char *path, const unsigned char md5[MD5_SIZE],
                       const struct stat *status)
{
    for (size_t i = 0; i < MD5_SIZE; i++)
        buf_printf(line, "%02x", md5[i]);
    return buf_printf(line, " %lld %llu %lld.%09ld %lld.%09ld %s", (long long)status->st_size,
                      (unsigned long long)status->st_ino, (long long)status->st_mtim.tv_sec,
                      status->st_mtim.tv_nsec, (long long)status->st_ctim.tv_sec,
                      status->st_ctim.tv_nsec, path);
}

static const char *path_of(const char *line)
{
    for (int i = 0; i < 5; i++) {
        line = strchr(line, ' ');
        if (!line++)
            return "";
    }
    return line;
}

/* Lines of one path by their place, which is their age. */
static int compare(const void *a, const void *b)
{
    const char *left = *(char *const *)a, *right = *(char *const *)b;
    int order = strcmp(path_of(left), path_of(right));
    return order ? order : left < right ? -1 : left > right;
}

static bool read_all(struct target_record *record)
{
    struct stat status;
    if (fstat(record->marker, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    if (status.st_size > RECORD_CEILING || !buf_resize(&record->text, (size_t)status.st_size))
        return false;
    ssize_t got = pread(record->marker, record->text.data, record->text.size, 0);
    return buf_resize(&record->text, got > 0 ? (size_t)got : 0);
}

/* Cuts the text into its whole lines. */
static bool index_lines(struct target_record *record)
{
    size_t count = 0;
    for (size_t i = 0; i < record->text.size; i++)
        count += record->text.data[i] == '\n';
    record->lines = calloc(count + 1, sizeof *record->lines);
    if (!record->lines)
        return false;
    for (size_t at = 0; at < record->text.size;) {
        char *line = record->text.data + at;
        char *end = memchr(line, '\n', record->text.size - at);
        if (!end)
            break;
        *end = '\0';
        if (strlen(line) == (size_t)(end - line) && *path_of(line))
            record->lines[record->count++] = line;
        at += (size_t)(end - line) + 1;
    }
    qsort(record->lines, record->count, sizeof *record->lines, compare);
    size_t kept = 0;
    for (size_t i = 0; i < record->count; i++) {
        bool last = i + 1 == record->count ||
                    strcmp(path_of(record->lines[i]), path_of(record->lines[i + 1])) != 0;
        if (last)
            record->lines[kept++] = record->lines[i];
    }
    record->count = kept;
    return true;
}

/* Writes anew, with a newline at its end, what would grow for ever or has a torn end. */
static void tidy(struct target_record *record, size_t lines)
{
    struct buf text;
    bool torn = record->text.size > 0 && record->text.data[record->text.size - 1] != '\0';
    if (lines <= 2 * record->count && !torn)
        return;
    buf_init(&text, RECORD_CEILING);
    for (size_t i = 0; i < record->count; i++)
        buf_printf(&text, "%s\n", record->lines[i]);
    if (!text.failed && ftruncate(record->marker, 0) == 0 && text.size > 0 &&
        pwrite(record->marker, text.data, text.size, 0) != (ssize_t)text.size)
        (void)!ftruncate(record->marker, 0);
    buf_release(&text);
}

struct target_record *target_record_open(int marker)
{
    struct target_record *record = calloc(1, sizeof *record);
    if (!record) {
        close(marker);
        return NULL;
    }
    record->marker = marker;
    pthread_mutex_init(&record->lock, NULL);
    buf_init(&record->text, RECORD_CEILING);
    size_t lines = 0;
    if (read_all(record)) {
        for (size_t i = 0; i < record->text.size; i++)
            lines += record->text.data[i] == '\n';
        if (index_lines(record)) {
            tidy(record, lines);
            return record;
        }
    }
    target_record_close(record);
    return NULL;
}

void target_record_close(struct target_record *record)
{
    if (!record)
        return;
    close(record->marker);
    pthread_mutex_destroy(&record->lock);
    buf_release(&record->text);
    free(record->lines);
    free(record);
}

static int compare_path(const void *path, const void *line)
{
    return strcmp(path, path_of(*(char *const *)line));
}

bool target_record_knows(struct target_record *record, const char *path,
                         const unsigned char md5[MD5_SIZE], const struct stat *status)
{
    cleanup_buf struct buf line;
    char *const *found =
        record ? bsearch(path, record->lines, record->count, sizeof *record->lines, compare_path)
               : NULL;
    buf_init(&line, RECORD_CEILING);
    return found && write_line(&line, path, md5, status) && strcmp(*found, line.data) == 0;
}

void target_record_add(struct target_record *record, const char *path,
                       const unsigned char md5[MD5_SIZE], const struct stat *status)
{
    cleanup_buf struct buf line;
    buf_init(&line, RECORD_CEILING);
    if (!record || !write_line(&line, path, md5, status) || !buf_putc(&line, '\n'))
        return;
    pthread_mutex_lock(&record->lock);
    off_t end = lseek(record->marker, 0, SEEK_END);
    if (end >= 0)
        (void)!pwrite(record->marker, line.data, line.size, end);
    pthread_mutex_unlock(&record->lock);
}
