/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "content_proxy.h"
#include "credentials.h"
#include "internal.h"

enum { DEFAULT_TIMEOUT_MS = 20000 };

static const char DEFAULT_BASE_URL[] = "https://api.wandb.ai";

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_ALL);
}

static void on_settings_warning(void *context, const char *message)
{
    client_log(context, CLIENT_LOG_WARNING, "%s", message);
}

/* A key file says which key to use, not which server is to get it: where nobody does, no directory
 * that the program happens to be started in may. */
static int load_settings(struct client *client, const struct client_config *config,
                         struct error *error)
{
    const char *variable = getenv("WANDB_BASE_URL");
    bool given = config->base_url || (variable && *variable);
    struct settings_sources sources = {
        .base_url_given = given,
        .ignores_working_directory =
            config->ignores_working_directory || (config->api_key_file && !given),
        .warn = on_settings_warning,
        .context = client,
    };
    return settings_load(&client->settings, &sources, error);
}

static int copy_config(struct client *client, const struct client_config *config,
                       struct error *error)
{
    client->observer = config->observer;
    client->answer_memory = config->answer_memory;
    client->user_agent = strdup(config->user_agent ? config->user_agent : "registryfs");
    if (config->api_key_file)
        client->api_key_file = strdup(config->api_key_file);
    if (!client->user_agent || (config->api_key_file && !client->api_key_file))
        return error_set(error, ERROR_LOCAL, "no memory");
    if (config->content_proxies &&
        content_proxies_new(config->content_proxies, config->proxy_headers,
                            config->proxy_header_count, error, &client->content_proxies) != 0)
        return -1;
    if (load_settings(client, config, error) != 0)
        return -1;
    const char *url = config->base_url;
    if (!url)
        url = client->settings.base_url ? client->settings.base_url : DEFAULT_BASE_URL;
    client->timeout_ms = config->timeout_ms;
    if (client->timeout_ms <= 0)
        client->timeout_ms = client->settings.timeout_ms;
    if (client->timeout_ms <= 0)
        client->timeout_ms = DEFAULT_TIMEOUT_MS;
    return base_url_parse(&client->base_url, url, error);
}

int client_new(const struct client_config *config, struct client **created, struct error *error)
{
    pthread_once(&curl_once, start_curl);
    if (curl_ready != CURLE_OK)
        return error_set(error, ERROR_LOCAL, "curl cannot start: %s",
                         curl_easy_strerror(curl_ready));
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return error_set(error, ERROR_LOCAL, "no memory");
    breaker_init(&client->breaker);
    searches_init(&client->searches);
    client->credentials = credentials_new();
    client->authorizer = &credentials_authorizer;
    manifests_init(&client->manifests);
    storage_health_init(&client->storages);
    if (!http_pool_init(&client->pool) || !client->credentials)
        error_set(error, ERROR_LOCAL, "no memory");
    else if (copy_config(client, config, error) == 0 && credentials_load(client, error) == 0) {
        *created = client;
        return 0;
    }
    client_free(client);
    return -1;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    http_pool_release(&client->pool);
    credentials_free(client->credentials);
    manifests_release(&client->manifests);
    storage_health_release(&client->storages);
    breaker_release(&client->breaker);
    searches_release(&client->searches);
    content_proxies_free(client->content_proxies);
    base_url_release(&client->base_url);
    settings_release(&client->settings);
    free(client->user_agent);
    free(client->api_key_file);
    free(client);
}

int client_reload_credentials(struct client *client, struct error *error)
{
    return credentials_reload(client, error);
}

void client_shut_down(struct client *client)
{
    atomic_store(&client->shutting_down, true);
}

void client_wait_out_limits(struct client *client, int64_t until)
{
    atomic_store(&client->limits_until, until);
}

const char *client_base_url(const struct client *client)
{
    return client->base_url.text;
}

const char *client_default_organization(const struct client *client)
{
    return client->settings.organization;
}

void client_read_figures(const struct client *client, struct client_figures *figures)
{
    figures->requests = atomic_load(&client->requests);
    figures->graphql_requests = atomic_load(&client->graphql_requests);
    figures->bytes_received = atomic_load(&client->bytes_received);
    figures->retries = atomic_load(&client->retries);
    figures->failures = atomic_load(&client->failures);
    figures->server_down = breaker_is_open(&client->breaker);
}

bool client_read_content_proxy(const struct client *client, size_t index,
                               struct content_proxy_figures *figures)
{
    return client->content_proxies &&
           content_proxies_read_figures(client->content_proxies, index, figures);
}
