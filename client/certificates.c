/* SPDX-License-Identifier: MIT */
#include "certificates.h"

#include "local_file.h"

#include <sys/stat.h>

enum { BUNDLE_CEILING = 32 << 20 };

/* What was found while the variables are read. */
struct search {
    struct settings *settings;
    const struct settings_sources *sources;
    unsigned files;
    struct error *error;
};

static void warn(const struct search *search, const char *name, const char *path, const char *why)
{
    struct error message = {0};
    error_set(&message, ERROR_LOCAL, "the certificates of %s (%s) are passed over: %s", name, path,
              why);
    search->sources->warn(search->sources->context, message.message);
}

/* Appends a line break, too: a file need not end with one. */
static int append_file(const struct search *search, const char *name, const char *path)
{
    struct buf *bundle = &search->settings->ca_bundle;
    cleanup_buf struct buf content;
    struct error problem = {0};
    buf_init(&content, BUNDLE_CEILING);
    if (local_file_read(path, &content, &problem) != LOCAL_FILE_READ) {
        warn(search, name, path, problem.kind ? problem.message : "there is no such file");
        return 0;
    }
    if (!buf_append(bundle, content.data, content.size) || !buf_putc(bundle, '\n'))
        return error_set(search->error, ERROR_LOCAL, "the certificates of %s need too much memory",
                         name);
    return 0;
}

/* One file stays a file, which curl need not parse for every connection. */
static int add_file(struct search *search, const char *name, const char *path)
{
    struct settings *settings = search->settings;
    if (settings->ca_file && strcmp(settings->ca_file, path) == 0)
        return 0;
    if (search->files++ == 0)
        return settings_assign(&settings->ca_file, path, strlen(path))
                   ? 0
                   : error_set(search->error, ERROR_LOCAL, "no memory");
    if (search->files == 2 && append_file(search, "the first variable", settings->ca_file) != 0)
        return -1;
    return append_file(search, name, path);
}

static int add_directory(const struct search *search, const char *path, size_t size)
{
    char **directories = &search->settings->ca_directories;
    char *longer = NULL;
    if (size == 0)
        return 0;
    if (asprintf(&longer, "%s%s%.*s", *directories ? *directories : "", *directories ? ":" : "",
                 (int)size, path) < 0)
        return error_set(search->error, ERROR_LOCAL, "no memory");
    free(*directories);
    *directories = longer;
    return 0;
}

static int add_place(struct search *search, const char *name)
{
    const char *path = getenv(name);
    struct stat status;
    if (!path || !*path)
        return 0;
    if (stat(path, &status) != 0)
        warn(search, name, path, "there is no such file");
    else if (S_ISDIR(status.st_mode))
        return add_directory(search, path, strlen(path));
    else
        return add_file(search, name, path);
    return 0;
}

static int add_directories(const struct search *search, const char *name)
{
    const char *at = getenv(name);
    while (at && *at) {
        size_t size = strcspn(at, ":");
        if (add_directory(search, at, size) != 0)
            return -1;
        at += size + (at[size] == ':');
    }
    return 0;
}

int certificates_load(struct settings *settings, const struct settings_sources *sources,
                      struct error *error)
{
    static const char *const places[] = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};
    struct search search = {.settings = settings, .sources = sources, .error = error};
    buf_init(&settings->ca_bundle, BUNDLE_CEILING);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (add_place(&search, places[i]) != 0)
            return -1;
    }
    return add_directories(&search, "SSL_CERT_DIR");
}
