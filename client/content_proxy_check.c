/* SPDX-License-Identifier: MIT */
/* Whether a content proxy answers. */
#include "client.h"

#include "content_proxy.h"
#include "http.h"
#include "internal.h"

enum { ANSWER_CEILING = 64 << 10 };

/* Of a host that is nowhere (RFC 2606): whatever it says, it is there, and speaks HTTP. */
int client_check_content_proxy(struct client *client, struct call *call, size_t index)
{
    cleanup_http_response struct http_response response = {0};
    struct http_relay relay;
    const char *url = "http://registryfs.invalid/";
    int result = -1;
    struct http_request request = {
        .url = url,
        .class = HTTP_DATA,
        .anonymous = true,
        .repeatable = true,
        .range = true,
        .length = 1,
        .relay = &relay,
        .ceiling = ANSWER_CEILING,
    };
    if (content_proxies_relay(client->content_proxies, (int)index, url, "check", &relay))
        result = http_send(client, call, &request, &response);
    else
        error_set(call->error, ERROR_LOCAL, "out of memory");
    content_proxies_relay_release(&relay);
    return result;
}
