/* SPDX-License-Identifier: MIT */
#include "signed_url.h"

#include "base/buf.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { CEILING = 1 << 20 };

static char *decoded(const char *text, size_t size)
{
    char *found = curl_easy_unescape(NULL, text, (int)size, NULL);
    char *copy = found ? strdup(found) : NULL;
    curl_free(found);
    return copy;
}

/* user[:password], which `size` bytes hold. */
static bool take_user(struct signed_url *url, const char *text, size_t size)
{
    const char *colon = memchr(text, ':', size);
    size_t user = colon ? (size_t)(colon - text) : size;
    url->user = decoded(text, user);
    url->password = colon ? decoded(colon + 1, size - user - 1) : strdup("");
    return url->user && url->password;
}

int signed_url_parse(struct signed_url *url, const char *text)
{
    cleanup_buf struct buf clean;
    buf_init(&clean, CEILING);
    *url = (struct signed_url){0};
    const char *host = strstr(text, "://");
    if (host) {
        host += 3;
        size_t authority = strcspn(host, "/?#");
        const char *at = memrchr(host, '@', authority);
        buf_append(&clean, text, (size_t)(host - text));
        if (at && at > host && !take_user(url, host, (size_t)(at - host))) {
            signed_url_release(url);
            return -1;
        }
        text = at ? at + 1 : host;
    }
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte <= ' ' || byte == 0x7f)
            buf_printf(&clean, "%%%02X", byte);
        else
            buf_putc(&clean, *text);
    }
    url->text = buf_steal(&clean);
    if (url->text)
        return 0;
    signed_url_release(url);
    return -1;
}

void signed_url_release(struct signed_url *url)
{
    free(url->text);
    free(url->user);
    free(url->password);
    *url = (struct signed_url){0};
}
