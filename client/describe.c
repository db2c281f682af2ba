/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include "base/message.h"
#include "credentials.h"
#include "http_exchange.h"
#include "internal.h"

static const char *first_variable(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value)
            return value;
    }
    return NULL;
}

bool client_describe_credentials(struct client *client, struct buf *text)
{
    return credentials_describe(client->credentials, text);
}

static bool is_encrypted(const struct client *client)
{
    return strcmp(client->base_url.scheme, "https") == 0;
}

/* As curl looks for them: upper-case names are not for unencrypted URLs. */
static const char *proxy_of_curl(bool encrypted)
{
    static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                            NULL};
    static const char *const for_http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    return first_variable(encrypted ? for_https : for_http);
}

bool client_describe_proxy(const struct client *client, struct buf *text)
{
    bool named;
    const char *proxy = http_proxy_of(&client->settings, client->base_url.text, true, &named);
    if (!proxy)
        proxy = proxy_of_curl(is_encrypted(client));
    if (!proxy || !*proxy)
        return buf_puts(text, proxy ? "none, by NO_PROXY" : "none");
    return message_append(text, proxy) && /* which leaves user and password out */
           (!client->settings.no_proxy || named ||
            buf_puts(text, ", but for the hosts in NO_PROXY"));
}

bool client_ignores_certificates(const struct client *client)
{
    return is_encrypted(client) && client->settings.insecure;
}

bool client_describe_certificates(const struct client *client, struct buf *text)
{
    const struct settings *settings = &client->settings;
    if (!is_encrypted(client))
        return buf_puts(text, "none: the base URL is http, which all on the way can read");
    if (settings->insecure)
        return buf_puts(text, "not checked (WANDB_INSECURE_DISABLE_SSL)");
    if (settings->ca_bundle.size > 0)
        return buf_puts(text, "those of several files (SSL_CERT_FILE, REQUESTS_CA_BUNDLE, "
                              "CURL_CA_BUNDLE)");
    const char *place = settings->ca_file ? settings->ca_file : settings->ca_directories;
    return place ? buf_printf(text, "those in %s", place) : buf_puts(text, "the system's");
}
