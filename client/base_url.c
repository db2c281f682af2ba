/* SPDX-License-Identifier: MIT */
#include "base_url.h"

#include "base/cleanup.h"

#include <curl/curl.h>
#include <strings.h>

static void url_cleanup(CURLU **url)
{
    curl_url_cleanup(*url);
}

#define cleanup_url cleanup(url_cleanup)

/* A part as a malloc'ed string, "" when the URL lacks it; NULL: no memory. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *found = NULL;
    if (curl_url_get(url, part, &found, flags) != CURLUE_OK)
        return strdup("");
    char *copy = strdup(found);
    curl_free(found);
    return copy;
}

static bool url_has(CURLU *url, CURLUPart part)
{
    char *found = NULL;
    bool present = curl_url_get(url, part, &found, 0) == CURLUE_OK && *found;
    curl_free(found);
    return present;
}

static void lower(char *text)
{
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
    }
}

static unsigned port_number(CURLU *url)
{
    char *found = NULL;
    unsigned port = 0;
    if (curl_url_get(url, CURLUPART_PORT, &found, CURLU_DEFAULT_PORT) == CURLUE_OK)
        port = (unsigned)strtoul(found, NULL, 10);
    curl_free(found);
    return port;
}

/* HEAD of the official client refuses the public domain's web pages and its plain HTTP. */
static int check_public_domain(const struct base_url *base, struct error *error)
{
    static const char domain[] = "wandb.ai";
    size_t host = strlen(base->host);
    size_t tail = sizeof domain - 1;
    if (host < tail || strcmp(base->host + host - tail, domain) != 0 ||
        (host > tail && base->host[host - tail - 1] != '.'))
        return 0;
    if (strncmp(base->host, "api.", 4) != 0 && !strstr(base->host, ".api."))
        return error_set(error, ERROR_INVALID,
                         "%s is not the address of the API: use https://api.wandb.ai", base->text);
    if (strcmp(base->scheme, "https") != 0)
        return error_set(error, ERROR_INVALID,
                         "%s would send the key unencrypted: use https://api.wandb.ai", base->text);
    return 0;
}

static bool fill(struct base_url *base, CURLU *url, const char *text, size_t size)
{
    base->text = strndup(text, size);
    base->scheme = url_part(url, CURLUPART_SCHEME, 0);
    base->host = url_part(url, CURLUPART_HOST, 0);
    base->path = url_part(url, CURLUPART_PATH, 0);
    if (!base->text || !base->scheme || !base->host || !base->path)
        return false;
    lower(base->scheme);
    lower(base->host);
    for (size_t end = strlen(base->path); end > 0 && base->path[end - 1] == '/'; end--)
        base->path[end - 1] = '\0';
    base->port = port_number(url);
    if (!url_has(url, CURLUPART_PORT))
        return true;
    return asprintf(&base->netrc, "%s:%u", base->host, base->port) > 0;
}

/* Whether servers might climb out of the prefix: a dot-dot segment, however it is written. */
static bool climbs(const char *path)
{
    while (*path) {
        size_t dots = 0;
        while (*path == '/')
            path++;
        for (;;) {
            size_t step = *path == '.' ? 1 : strncasecmp(path, "%2e", 3) == 0 ? 3 : 0;
            if (!step)
                break;
            dots++;
            path += step;
        }
        bool ends = !*path || *path == '/' || *path == '\\' || strncasecmp(path, "%2f", 3) == 0 ||
                    strncasecmp(path, "%5c", 3) == 0;
        if (dots == 2 && ends)
            return true;
        path += strcspn(path, "/");
    }
    return false;
}

static int parse(struct base_url *base, const char *text, struct error *error)
{
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == '/')
        size--;
    cleanup_url CURLU *url = curl_url();
    if (!url)
        return error_set(error, ERROR_LOCAL, "no memory");
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK)
        return error_set(error, ERROR_INVALID, "the base URL is not a URL such as %s: %s",
                         "https://api.wandb.ai", curl_url_strerror(code));
    if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
        return error_set(error, ERROR_INVALID,
                         "the base URL must not hold a user or password: remove them");
    if (url_has(url, CURLUPART_QUERY) || url_has(url, CURLUPART_FRAGMENT))
        return error_set(error, ERROR_INVALID, "the base URL must not have a query or fragment");
    if (!fill(base, url, text, size))
        return error_set(error, ERROR_LOCAL, "no memory");
    if (strcmp(base->scheme, "http") != 0 && strcmp(base->scheme, "https") != 0)
        return error_set(error, ERROR_INVALID, "the base URL %s is neither http nor https", text);
    if (climbs(base->path))
        return error_set(error, ERROR_INVALID, "the base URL %s must not have .. in its path",
                         text);
    return check_public_domain(base, error);
}

int base_url_parse(struct base_url *base, const char *text, struct error *error)
{
    *base = (struct base_url){0};
    if (parse(base, text, error) == 0)
        return 0;
    base_url_release(base);
    return -1;
}

void base_url_release(struct base_url *base)
{
    free(base->text);
    free(base->scheme);
    free(base->host);
    free(base->netrc);
    free(base->path);
    *base = (struct base_url){0};
}

static enum url_place place_of(const struct base_url *base, CURLU *url)
{
    cleanup_free char *scheme = url_part(url, CURLUPART_SCHEME, 0);
    cleanup_free char *host = url_part(url, CURLUPART_HOST, 0);
    cleanup_free char *path = url_part(url, CURLUPART_PATH, 0);
    if (!scheme || !host || !path || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return URL_UNUSABLE;
    if (strcmp(scheme, base->scheme) != 0 || strcasecmp(host, base->host) != 0 ||
        port_number(url) != base->port)
        return URL_ELSEWHERE;
    size_t prefix = strlen(base->path);
    if (strncmp(path, base->path, prefix) != 0 || (path[prefix] && path[prefix] != '/') ||
        climbs(path))
        return URL_SAME_HOST;
    return URL_BELOW;
}

enum url_place base_url_place(const struct base_url *base, const char *text)
{
    cleanup_url CURLU *url = curl_url();
    if (!url || curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
        return URL_UNUSABLE;
    return place_of(base, url);
}

void url_origin(const char *url, char *origin, size_t size)
{
    const char *host = strstr(url, "://");
    size_t length = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
    snprintf(origin, size, "%.*s", length < size ? (int)length : (int)size - 1, url);
}
