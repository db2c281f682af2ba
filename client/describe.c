/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include "internal.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool client_describe_credentials(const struct client *client, struct buf *text)
{
    const char *netrc = variable("NETRC");
    if (client->api_key_file)
        return buf_printf(text, "the key in the file %s", client->api_key_file);
    if (variable("WANDB_API_KEY"))
        return buf_puts(text, "the key in WANDB_API_KEY");
    if (client->settings.identity_token_file)
        return buf_printf(text, "the identity token in %s", client->settings.identity_token_file);
    return buf_printf(text, "the key for %s in %s", client->base_url.host,
                      netrc ? netrc : "~/.netrc");
}

/* The first that is set, as curl and settings.h look for them. */
static const char *proxy_of(const struct client *client)
{
    static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    bool https = strcmp(client->base_url.scheme, "https") == 0;
    const char *found = https ? client->settings.https_proxy : client->settings.http_proxy;
    for (size_t i = 0; !found && https && i < sizeof for_https / sizeof *for_https; i++)
        found = variable(for_https[i]);
    if (!found && !https)
        found = variable("http_proxy");
    return found || https ? found : client->settings.any_http_proxy;
}

bool client_describe_proxy(const struct client *client, struct buf *text)
{
    char origin[200];
    const char *proxy = proxy_of(client);
    if (!proxy)
        return buf_puts(text, "none is set");
    url_origin(proxy, origin, sizeof origin); /* the rest may hold a password */
    return buf_printf(text, "%s%s", origin,
                      client->settings.no_proxy ? ", but for the hosts in NO_PROXY" : "");
}

bool client_describe_certificates(const struct client *client, struct buf *text)
{
    const struct settings *settings = &client->settings;
    if (strcmp(client->base_url.scheme, "http") == 0)
        return buf_puts(text, "none: the base URL is http, and everybody on the way can read");
    if (settings->insecure)
        return buf_puts(text, "not checked (WANDB_INSECURE_DISABLE_SSL)");
    if (settings->ca_bundle.size > 0)
        return buf_puts(text, "those in the files that the environment names");
    if (settings->ca_file || settings->ca_directories)
        return buf_printf(text, "those in %s",
                          settings->ca_file ? settings->ca_file : settings->ca_directories);
    return buf_puts(text, "the system's");
}
