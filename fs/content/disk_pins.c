/* SPDX-License-Identifier: MIT */
#include "disk_pins.h"

#include "base/banned.h"
#include "base/buf.h"
#include "private_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PINS_FOLDER "pins"
#define FIRST_LINE  "registryfs pin 1"

enum { PIN_CEILING = 256 << 20 };

static bool pins_path(const char *directory, const char *file, char path[PATH_MAX])
{
    int length = snprintf(path, PATH_MAX, "%s/" PINS_FOLDER "%s%s", directory, file ? "/" : "",
                          file ? file : "");
    errno = ENAMETOOLONG;
    return length < PATH_MAX;
}

/* The file of a name. */
static bool pin_path(const char *directory, const char *name, char path[PATH_MAX])
{
    unsigned char digest[MD5_SIZE] = {0};
    char hex[2 * MD5_SIZE + 1];
    struct md5 *md5 = md5_new();
    bool good = md5 && md5_update(md5, name, strlen(name)) && md5_finish(md5, digest);
    md5_free(md5);
    disk_hex(digest, hex);
    errno = ENOMEM;
    return good && pins_path(directory, hex, path);
}

/* --- one file --- */

static bool write_pin(const struct disk_pin *pin, struct buf *text)
{
    char hex[2 * MD5_SIZE + 1];
    buf_printf(text, FIRST_LINE "\n%lld\n%s\n", (long long)pin->until, pin->name);
    for (size_t i = 0; i < pin->count; i++) {
        disk_hex(pin->keys[i].md5, hex);
        buf_printf(text, "%s-%llu\n", hex, (unsigned long long)pin->keys[i].size);
    }
    return !text->failed;
}

/* Old or new content at any time. */
static bool replace(const char *path, const struct buf *text)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0)
        return false;
    bool good = write(file, text->data, text->size) == (ssize_t)text->size && fsync(file) == 0;
    good = close(file) == 0 && good && rename(temporary, path) == 0;
    int reason = errno;
    if (!good)
        unlink(temporary);
    errno = reason;
    return good;
}

bool disk_pins_add(const char *directory, const struct disk_pin *pin)
{
    char path[PATH_MAX];
    cleanup_buf struct buf text;
    buf_init(&text, PIN_CEILING);
    if (!private_directory_make(directory) || !pins_path(directory, NULL, path) ||
        !private_directory_make(path) || !pin_path(directory, pin->name, path))
        return false;
    errno = ENOMEM;
    return write_pin(pin, &text) && replace(path, &text);
}

bool disk_pins_remove(const char *directory, const char *name)
{
    char path[PATH_MAX];
    return pin_path(directory, name, path) && unlink(path) == 0;
}

/* --- all of them --- */

/* The next line of the text, ended by NUL; NULL: there is none. */
static char *take_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

static bool parse_key(const char *line, struct disk_key *key)
{
    char *end;
    for (size_t i = 0; i < MD5_SIZE; i++) {
        unsigned byte;
        if (strspn(line + 2 * i, "0123456789abcdef") < 2 || sscanf(line + 2 * i, "%2x", &byte) != 1)
            return false;
        key->md5[i] = (unsigned char)byte;
    }
    if (line[2 * MD5_SIZE] != '-')
        return false;
    key->size = strtoull(line + 2 * MD5_SIZE + 1, &end, 10);
    return *end == '\0';
}

/* The text of a pin, which is cut; the keys are owned by the caller. False: it makes no sense. */
static bool parse_pin(struct buf *text, struct disk_pin *pin, struct disk_key **keys)
{
    char *at = text->data;
    const char *first = take_line(&at), *until = first ? take_line(&at) : NULL;
    *pin = (struct disk_pin){.name = until ? take_line(&at) : NULL};
    *keys = NULL;
    if (!pin->name || strcmp(first, FIRST_LINE) != 0)
        return false;
    pin->until = (time_t)strtoll(until, NULL, 10);
    *keys = calloc(text->size / (2 * MD5_SIZE) + 1, sizeof **keys);
    for (const char *line; *keys && (line = take_line(&at)) != NULL; pin->count++) {
        if (!parse_key(line, &(*keys)[pin->count]))
            return false;
    }
    pin->keys = *keys;
    return *keys != NULL;
}

static bool read_file(int folder, const char *name, struct buf *text)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char step[64 << 10];
    ssize_t got = file < 0 ? -1 : 1;
    while (got > 0 && !text->failed) {
        got = read(file, step, sizeof step);
        if (got > 0)
            buf_append(text, step, (size_t)got);
    }
    if (file >= 0)
        close(file);
    return got == 0 && !text->failed && text->size > 0;
}

/* False: no more. */
static bool call_with(int folder, const char *name, time_t now,
                      bool (*each)(void *context, const struct disk_pin *pin), void *context)
{
    struct disk_pin pin;
    struct disk_key *keys = NULL;
    cleanup_buf struct buf text;
    bool goes_on = true;
    buf_init(&text, PIN_CEILING);
    if (read_file(folder, name, &text) && parse_pin(&text, &pin, &keys)) {
        if (pin.until > now)
            goes_on = each(context, &pin);
        else
            unlinkat(folder, name, 0);
    }
    free(keys);
    return goes_on;
}

bool disk_pins_each(const char *directory, time_t now,
                    bool (*each)(void *context, const struct disk_pin *pin), void *context)
{
    char path[PATH_MAX];
    DIR *folder = pins_path(directory, NULL, path) ? opendir(path) : NULL;
    bool goes_on = true;
    if (!folder)
        return errno == ENOENT;
    for (struct dirent *entry; goes_on && (entry = readdir(folder));) {
        /* What has a dot is on its way to be one. */
        if (!strchr(entry->d_name, '.'))
            goes_on = call_with(dirfd(folder), entry->d_name, now, each, context);
    }
    closedir(folder);
    return true;
}

/* --- all contents --- */

bool disk_pinned_add(struct disk_pinned *pinned, const struct disk_key *keys, size_t count)
{
    if (count > pinned->capacity - pinned->count) {
        size_t capacity = 2 * (pinned->count + count);
        struct disk_key *more = realloc(pinned->keys, capacity * sizeof *more);
        if (!more)
            return false;
        pinned->keys = more;
        pinned->capacity = capacity;
    }
    if (count > 0)
        memcpy(pinned->keys + pinned->count, keys, count * sizeof *keys);
    pinned->count += count;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct disk_key *left = a, *right = b;
    int order = memcmp(left->md5, right->md5, MD5_SIZE);
    return order ? order : left->size < right->size ? -1 : left->size > right->size;
}

void disk_pinned_order(struct disk_pinned *pinned)
{
    size_t kept = 0;
    if (pinned->count > 0)
        qsort(pinned->keys, pinned->count, sizeof *pinned->keys, compare_keys);
    for (size_t i = 0; i < pinned->count; i++) {
        if (kept == 0 || compare_keys(&pinned->keys[kept - 1], &pinned->keys[i]) != 0)
            pinned->keys[kept++] = pinned->keys[i];
    }
    pinned->count = kept;
}

static bool add_pin(void *context, const struct disk_pin *pin)
{
    return disk_pinned_add(context, pin->keys, pin->count);
}

bool disk_pinned_load(struct disk_pinned *pinned, const char *directory, time_t now)
{
    if (!disk_pins_each(directory, now, add_pin, pinned))
        return false;
    disk_pinned_order(pinned);
    return true;
}

bool disk_pinned_has(const struct disk_pinned *pinned, const struct disk_key *key)
{
    return pinned->count > 0 &&
           bsearch(key, pinned->keys, pinned->count, sizeof *pinned->keys, compare_keys) != NULL;
}

uint64_t disk_pinned_bytes(const struct disk_pinned *pinned)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < pinned->count; i++)
        bytes += pinned->keys[i].size;
    return bytes;
}

void disk_pinned_release(struct disk_pinned *pinned)
{
    free(pinned->keys);
    *pinned = (struct disk_pinned){0};
}
