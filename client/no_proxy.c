/* SPDX-License-Identifier: MIT */
#include "no_proxy.h"

#include "base/banned.h"

#include <curl/curl.h>
#include <strings.h>

/* "HOST:PORT" against a list's entry of `size` bytes. */
static bool entry_matches(const char *entry, size_t size, const char *host, const char *port)
{
    const char *colon = memrchr(entry, ':', size);
    bool bracketed = size > 0 && entry[0] == '[';
    if (!colon || (bracketed ? colon[-1] != ']' : memchr(entry, ':', size) != colon))
        return false;
    size_t port_size = (size_t)(entry + size - colon) - 1;
    if (strlen(port) != port_size || memcmp(colon + 1, port, port_size) != 0)
        return false;
    size_t name = (size_t)(colon - entry), whole = strlen(host);
    if (name > 1 && entry[0] == '*' && entry[1] == '.') {
        entry++;
        name--;
    }
    if (name > 0 && entry[0] == '.') {
        entry++;
        name--;
    }
    if (name == 0 || name > whole || strncasecmp(host + whole - name, entry, name) != 0)
        return false;
    return name == whole || host[whole - name - 1] == '.';
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
