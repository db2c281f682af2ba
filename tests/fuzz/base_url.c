/* SPDX-License-Identifier: MIT */
/* Two lines: a base URL, and a URL that may get credentials only if curl would send it to the same
 * server below the same prefix (protocol 1.2). */
#include "base_url.h"
#include "base/cleanup.h"
#include "fuzz.h"

#include <curl/curl.h>

static bool same_part(CURLU *url, CURLUPart part, const char *expected)
{
    char *text = NULL;
    bool same = curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                strcasecmp(text, expected) == 0;
    curl_free(text);
    return same;
}

/* curl takes dot segments out before it sends a path. */
static bool path_is_below(CURLU *url, const char *prefix)
{
    char *path = NULL;
    size_t length = strlen(prefix);
    bool below = curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
                 strncmp(path, prefix, length) == 0 &&
                 (path[length] == '/' || path[length] == '\0');
    curl_free(path);
    return below;
}

static void must_be_below(const struct base_url *base, const char *text)
{
    char port[16];
    CURLU *url = curl_url();
    must(url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK);
    snprintf(port, sizeof port, "%u", base->port);
    must(same_part(url, CURLUPART_SCHEME, base->scheme) &&
         same_part(url, CURLUPART_HOST, base->host) && same_part(url, CURLUPART_PORT, port));
    must(path_is_below(url, base->path));
    curl_url_cleanup(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = fuzz_string(data, size);
    struct base_url base = {0};
    struct error error = {0};
    char *url = text;
    strsep(&url, "\n");
    if (base_url_parse(&base, text, &error) == 0) {
        must(base_url_place(&base, base.text) == URL_BELOW);
        if (url && base_url_place(&base, url) == URL_BELOW)
            must_be_below(&base, url);
    }
    base_url_release(&base);
    return 0;
}
