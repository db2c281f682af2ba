/* SPDX-License-Identifier: MIT */
#include "certificates.h"
#include "local_file.h"
#include "settings.h"

#include <strings.h>

enum { SETTINGS_CEILING = 256 * 1024, LONGEST_TIMEOUT_S = 24 * 3600 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* --- files --- */

/* Reads a settings file into `settings`; what is not understood leaves them as they were. */
static enum local_file read_file(struct settings *settings, const char *path, struct error *error)
{
    struct settings trial = {0};
    cleanup_secret_buf struct buf content;
    buf_init(&content, SETTINGS_CEILING);
    enum local_file found = local_file_read_trusted(path, &content, error);
    if (found != LOCAL_FILE_READ)
        return found;
    int line = settings_parse(&trial, content.data, content.size);
    settings_release(&trial);
    if (line == 0)
        line = settings_parse(settings, content.data, content.size);
    if (line == 0)
        return LOCAL_FILE_READ;
    if (line > 0)
        error_set(error, ERROR_LOCAL, "%s: line %d is not \"key = value\": correct it", path, line);
    else
        error_set(error, ERROR_LOCAL, "no memory");
    return LOCAL_FILE_FAILED;
}

static int load_file(struct settings *settings, const char *name, bool global,
                     const struct settings_sources *sources, struct error *error)
{
    cleanup_free char *path = path_expand_home(name);
    struct error problem = {0};
    char message[sizeof problem.message + 64];
    if (!path)
        return 0;
    enum local_file found = read_file(settings, path, &problem);
    if (found == LOCAL_FILE_READ || found == LOCAL_FILE_ABSENT)
        return 0;
    if (sources->base_url_given || (found == LOCAL_FILE_UNTRUSTED && !global)) {
        snprintf(message, sizeof message, "settings are passed over: %s", problem.message);
        sources->warn(sources->context, message);
        return 0;
    }
    return error_set(error, ERROR_LOCAL, "%s, or set WANDB_BASE_URL", problem.message);
}

static int load_files(struct settings *settings, const struct settings_sources *sources,
                      struct error *error)
{
    const char *directory = variable("WANDB_CONFIG_DIR");
    cleanup_free char *global = NULL;
    if (asprintf(&global, "%s/settings", directory ? directory : "~/.config/wandb") < 0) {
        global = NULL;
        return error_set(error, ERROR_LOCAL, "no memory");
    }
    if (load_file(settings, global, true, sources, error) != 0)
        return -1;
    if (sources->ignores_working_directory)
        return 0;
    return load_file(settings, "./wandb/settings", false, sources, error);
}

/* --- environment --- */

static bool is_true(const char *value)
{
    static const char *const words[] = {"y", "yes", "t", "true", "on", "1"};
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

static int read_strings(struct settings *settings, struct error *error)
{
    const char *http_proxy = variable("http_proxy") ? NULL : variable("HTTP_PROXY");
    const char *no_proxy = variable("no_proxy");
    const struct {
        char **member;
        const char *value;
    } read[] = {
        {&settings->base_url, variable("WANDB_BASE_URL")},
        {&settings->app_url, variable("WANDB_APP_URL")},
        {&settings->organization, variable("WANDB_ORGANIZATION")},
        {&settings->entity, variable("WANDB_ENTITY")},
        {&settings->http_proxy, variable("WANDB_HTTP_PROXY")},
        {&settings->https_proxy, variable("WANDB_HTTPS_PROXY")},
        {&settings->any_http_proxy, http_proxy},
        {&settings->no_proxy, no_proxy ? no_proxy : variable("NO_PROXY")},
        {&settings->identity_token_file, variable("WANDB_IDENTITY_TOKEN_FILE")},
        {&settings->credentials_file, variable("WANDB_CREDENTIALS_FILE")},
        {&settings->insecure_text, variable("WANDB_INSECURE_DISABLE_SSL")},
    };
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        if (read[i].value && !settings_assign(read[i].member, read[i].value, strlen(read[i].value)))
            return error_set(error, ERROR_LOCAL, "no memory");
    }
    settings->insecure = is_true(settings->insecure_text);
    return 0;
}

/* "Header: value of the variable"; a value that would break the header is passed over. */
static int read_header(char **header, const char *name, const char *from, struct error *error)
{
    const char *value = variable(from);
    if (!value || !settings_is_one_line(value))
        return 0;
    if (asprintf(header, "%s: %s", name, value) < 0) {
        *header = NULL;
        return error_set(error, ERROR_LOCAL, "no memory");
    }
    return 0;
}

static int read_extra_headers(struct settings *settings, struct error *error)
{
    static const char *const names[] = {"WANDB_X_EXTRA_HTTP_HEADERS", "WANDB__EXTRA_HTTP_HEADERS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = variable(names[i]);
        if (text)
            return settings_parse_headers(settings, names[i], text, error);
    }
    if (!settings->headers_text)
        return 0;
    return settings_parse_headers(settings, "x_extra_http_headers of the settings file",
                                  settings->headers_text, error);
}

static int read_timeout(struct settings *settings, struct error *error)
{
    const char *value = variable("WANDB_HTTP_TIMEOUT");
    if (!value)
        return 0;
    char *end;
    long seconds = strtol(value, &end, 10);
    if (*end || seconds <= 0)
        return error_set(error, ERROR_LOCAL,
                         "WANDB_HTTP_TIMEOUT is not a whole number of seconds: correct it");
    if (seconds > LONGEST_TIMEOUT_S)
        seconds = LONGEST_TIMEOUT_S;
    settings->timeout_ms = (int)seconds * 1000;
    return 0;
}

/* --- proxies --- */

static bool hide_password(struct settings *settings, CURLU *url, unsigned flags)
{
    char *password = NULL;
    if (curl_url_get(url, CURLUPART_PASSWORD, &password, flags) != CURLUE_OK)
        return true;
    bool hidden = settings_hide(settings, password);
    explicit_bzero(password, strlen(password));
    curl_free(password);
    return hidden;
}

/* curl repeats an address that it does not understand, with the password in it. */
static int check_proxy(struct settings *settings, const char *name, const char *value,
                       struct error *error)
{
    if (!value || !*value)
        return 0;
    CURLU *url = curl_url();
    if (!url)
        return error_set(error, ERROR_LOCAL, "no memory");
    int result = 0;
    if (curl_url_set(url, CURLUPART_URL, value, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) !=
        CURLUE_OK)
        result = error_set(error, ERROR_LOCAL,
                           "%s is not the address of a proxy, such as http://proxy:3128 "
                           "(percent-encode what is special in its password): correct it",
                           name);
    else if (!hide_password(settings, url, 0) || !hide_password(settings, url, CURLU_URLDECODE))
        result = error_set(error, ERROR_LOCAL, "no memory");
    curl_url_cleanup(url);
    return result;
}

static int check_proxies(struct settings *settings, struct error *error)
{
    static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (check_proxy(settings, names[i], variable(names[i]), error) != 0)
            return -1;
    }
    if (check_proxy(settings, "WANDB_HTTP_PROXY", settings->http_proxy, error) != 0)
        return -1;
    return check_proxy(settings, "WANDB_HTTPS_PROXY", settings->https_proxy, error);
}

int settings_load(struct settings *settings, const struct settings_sources *sources,
                  struct error *error)
{
    if (load_files(settings, sources, error) != 0 || read_strings(settings, error) != 0 ||
        check_proxies(settings, error) != 0 || read_extra_headers(settings, error) != 0 ||
        read_timeout(settings, error) != 0 ||
        read_header(&settings->username_header, "X-WANDB-USERNAME", "WANDB_USERNAME", error) != 0 ||
        read_header(&settings->email_header, "X-WANDB-USER-EMAIL", "WANDB_USER_EMAIL", error) != 0)
        return -1;
    return certificates_load(settings, sources, error);
}
