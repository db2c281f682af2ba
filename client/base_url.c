/* SPDX-License-Identifier: MIT */
#include "base_url.h"

#include "base/cleanup.h"

#include <ctype.h>
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
    while (host > 0 && base->host[host - 1] == '.') /* the same host, written absolutely */
        host--;
    if (host < tail || strncmp(base->host + host - tail, domain, tail) != 0 ||
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

/* Takes one layer of percent encoding off, in place; NUL bytes may come of it. Whether there was
 * one.
 */
static bool decode(char *text, size_t *size)
{
    size_t kept = 0;
    for (size_t at = 0; at < *size; at++, kept++) {
        unsigned value;
        text[kept] = text[at];
        if (text[at] == '%' && *size - at > 2 && isxdigit((unsigned char)text[at + 1]) &&
            isxdigit((unsigned char)text[at + 2]) && sscanf(text + at + 1, "%2x", &value) == 1) {
            text[kept] = (char)value;
            at += 2;
        }
    }
    bool decoded = kept < *size;
    *size = kept;
    return decoded;
}

/* Dots in a segment as servers may read it: up to path parameters or a NUL, without blanks and
 * control bytes around; 0: something else. */
static size_t dots_of(const char *segment, size_t size)
{
    size_t dots = 0;
    size_t end = 0;
    while (end < size && segment[end] != ';' && segment[end])
        end++;
    while (end > 0 && (unsigned char)segment[end - 1] <= ' ')
        end--;
    while (end > 0 && (unsigned char)*segment <= ' ') {
        segment++;
        end--;
    }
    while (dots < end && segment[dots] == '.')
        dots++;
    return dots == end ? dots : 0;
}

/*
 * Whether a path holds a segment of `least` or two dots by which a server might climb out of the
 * prefix, in whatever way it is written: encoded, also several times over, with path parameters,
 * between backslashes. The query does not count.
 */
static bool climbs(const char *path, size_t least)
{
    enum { LAYERS = 4 };
    size_t size = strcspn(path, "?#");
    cleanup_free char *decoded = strndup(path, size);
    if (!decoded)
        return true;
    for (int i = 0; i < LAYERS && decode(decoded, &size); i++)
        ;
    for (size_t start = 0, at = 0; at <= size; at++) {
        if (at < size && decoded[at] != '/' && decoded[at] != '\\')
            continue;
        size_t dots = dots_of(decoded + start, at - start);
        if (dots >= least && dots <= 2)
            return true;
        start = at + 1;
    }
    return false;
}

/* What follows the host in the URL as it was written. */
static const char *raw_path(const char *text)
{
    const char *host = strstr(text, "://");
    return host ? host + 3 + strcspn(host + 3, "/\\?#") : "";
}

/* What curl would read otherwise than people, proxies or the checks below do. */
static int check_raw(const char *text, struct error *error)
{
    const char *host = strstr(text, "://");
    if (!host || text + strcspn(text, ":/") != host)
        return error_set(error, ERROR_INVALID,
                         "the base URL does not begin with http:// or https://: add http:// or "
                         "https://");
    host += 3;
    size_t size = strcspn(host, "/?#");
    if (size == 0)
        return error_set(error, ERROR_INVALID, "the base URL names no host");
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)host[i] >= 0x80 || strchr("%\\", host[i]))
            return error_set(error, ERROR_INVALID,
                             "the host of the base URL must be written in plain ASCII, without "
                             "percent signs (an international name as xn--…)");
    }
    if (climbs(raw_path(text), 1))
        return error_set(error, ERROR_INVALID,
                         "the base URL must not have . or .. in its path: write it without");
    return 0;
}

static int parse(struct base_url *base, const char *text, struct error *error)
{
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == '/')
        size--;
    cleanup_url CURLU *url = curl_url();
    if (!url)
        return error_set(error, ERROR_LOCAL, "no memory");
    if (check_raw(text, error) != 0)
        return -1;
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
    if (climbs(base->path, 1))
        return error_set(error, ERROR_INVALID,
                         "the base URL must not have . or .. in its path: write it without");
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

static enum url_place place_of(const struct base_url *base, CURLU *url, const char *text)
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
        climbs(path, 2) || climbs(raw_path(text), 2))
        return URL_SAME_HOST;
    return URL_BELOW;
}

enum url_place base_url_place(const struct base_url *base, const char *text)
{
    cleanup_url CURLU *url = curl_url();
    if (!url || curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
        return URL_UNUSABLE;
    return place_of(base, url, text);
}

void url_origin(const char *url, char *origin, size_t size)
{
    const char *host = strstr(url, "://");
    size_t length = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
    snprintf(origin, size, "%.*s", length < size ? (int)length : (int)size - 1, url);
}
