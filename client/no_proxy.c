/* SPDX-License-Identifier: MIT */
#include "no_proxy.h"

#include "base/banned.h"

#include <curl/curl.h>
#include <strings.h>

/* Whether a host is of this name or below it; ".name" and "*.name" say the same. */
static bool is_below(const char *host, const char *name, size_t size)
{
    size_t whole = strlen(host);
    if (size > 1 && name[0] == '*' && name[1] == '.') {
        name++;
        size--;
    }
    if (size > 0 && name[0] == '.') {
        name++;
        size--;
    }
    if (size == 0 || size > whole || strncasecmp(host + whole - size, name, size) != 0)
        return false;
    return size == whole || host[whole - size - 1] == '.';
}

/* "HOST:PORT" against a list's entry of `size` bytes. */
static bool entry_matches(const char *entry, size_t size, const char *host, const char *port)
{
    const char *colon = memrchr(entry, ':', size);
    bool bracketed = size > 0 && entry[0] == '[';
    if (!colon || (bracketed ? colon[-1] != ']' : memchr(entry, ':', size) != colon))
        return false;
    size_t port_size = (size_t)(entry + size - colon) - 1;
    return strlen(port) == port_size && memcmp(colon + 1, port, port_size) == 0 &&
           is_below(host, entry, (size_t)(colon - entry));
}

bool no_proxy_matches(const char *list, const char *text)
{
    static const char separators[] = ", \t";
    char *host = NULL, *port = NULL;
    bool found = false;
    if (!list || !strchr(list, ':'))
        return false;
    CURLU *url = curl_url();
    if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        for (list += strspn(list, separators); *list && !found; list += strspn(list, separators)) {
            size_t size = strcspn(list, separators);
            found = entry_matches(list, size, host, port);
            list += size;
        }
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return found;
}
