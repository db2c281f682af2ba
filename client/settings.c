/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "local_file.h"

#include <jansson.h>
#include <strings.h>

enum { SETTINGS_CEILING = 256 * 1024, LONGEST_TIMEOUT_S = 24 * 3600 };

/* --- INI --- */

struct piece {
    const char *bytes;
    size_t size;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == '\f' ||
           byte == '\v';
}

static struct piece trim(struct piece piece)
{
    while (piece.size > 0 && is_blank(piece.bytes[0])) {
        piece.bytes++;
        piece.size--;
    }
    while (piece.size > 0 && is_blank(piece.bytes[piece.size - 1]))
        piece.size--;
    return piece;
}

/* Replaces an owned string; an empty value unsets it. */
static bool assign(char **member, const char *bytes, size_t size)
{
    free(*member);
    *member = size ? strndup(bytes, size) : NULL;
    return *member || !size;
}

static char **member_of(struct settings *settings, struct piece key)
{
    const struct {
        const char *name;
        char **member;
    } known[] = {
        {"base_url", &settings->base_url},
        {"organization", &settings->organization},
        {"entity", &settings->entity},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) == key.size &&
            strncasecmp(known[i].name, key.bytes, key.size) == 0)
            return known[i].member;
    }
    return NULL;
}

struct ini {
    struct settings *settings;
    bool in_section; /* any section */
    bool in_default;
    bool known_key; /* the last one: it takes no continuation lines */
    bool no_memory;
};

static bool parse_section(struct ini *ini, struct piece text)
{
    static const char name[] = "[default]";
    ini->in_section = true;
    ini->in_default = text.size == sizeof name - 1 && memcmp(text.bytes, name, text.size) == 0;
    return text.size > 2 && memchr(text.bytes, ']', text.size);
}

static bool parse_option(struct ini *ini, struct piece text)
{
    size_t split = 0;
    while (split < text.size && text.bytes[split] != '=' && text.bytes[split] != ':')
        split++;
    struct piece key = trim((struct piece){text.bytes, split});
    if (!ini->in_section || split == text.size || key.size == 0)
        return false;
    char **member = ini->in_default ? member_of(ini->settings, key) : NULL;
    ini->known_key = member != NULL;
    if (!member)
        return true;
    struct piece value = trim((struct piece){text.bytes + split + 1, text.size - split - 1});
    if (memchr(value.bytes, '\0', value.size))
        return false;
    if (!assign(member, value.bytes, value.size))
        ini->no_memory = true;
    return true;
}

/* False: not INI. */
static bool parse_line(struct ini *ini, struct piece line)
{
    struct piece text = trim(line);
    if (text.size == 0 || text.bytes[0] == '#' || text.bytes[0] == ';')
        return true;
    if (is_blank(line.bytes[0]) && ini->in_section)
        return !ini->known_key;
    ini->known_key = false;
    return text.bytes[0] == '[' ? parse_section(ini, text) : parse_option(ini, text);
}

int settings_parse(struct settings *settings, const char *text, size_t size)
{
    struct ini ini = {.settings = settings};
    const char *end = text + size;
    for (int line = 1; text < end; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop)
            stop = end;
        if (!parse_line(&ini, (struct piece){text, (size_t)(stop - text)}))
            return line;
        if (ini.no_memory)
            return -1;
        text = stop < end ? stop + 1 : end;
    }
    return 0;
}

static int load_file(struct settings *settings, const char *name, struct error *error)
{
    cleanup_free char *path = path_expand_home(name);
    cleanup_buf struct buf content;
    buf_init(&content, SETTINGS_CEILING);
    if (!path)
        return 0;
    enum local_file found = local_file_read(path, &content, error);
    if (found != LOCAL_FILE_READ)
        return found == LOCAL_FILE_ABSENT ? 0 : -1;
    int line = settings_parse(settings, content.data, content.size);
    if (line > 0)
        return error_set(error, ERROR_LOCAL, "%s: line %d is not \"key = value\": correct it", path,
                         line);
    return line == 0 ? 0 : error_set(error, ERROR_LOCAL, "no memory");
}

/* --- extra headers --- */

static bool is_header_name(const char *name)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *name && name[strspn(name, token)] == '\0';
}

static bool is_one_line(const char *value)
{
    for (; *value; value++) {
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return false;
    }
    return true;
}

/* Headers that are ours to set; a second one would contradict. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"Authorization",   "Content-Length",    "Content-Type",
                                           "Accept-Encoding", "Transfer-Encoding", "Range"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcasecmp(name, reserved[i]) == 0)
            return true;
    }
    return false;
}

static bool append_header(struct curl_slist **list, const char *name, const char *value)
{
    cleanup_free char *line = NULL;
    /* curl's way to write a header without a value */
    if ((*value ? asprintf(&line, "%s: %s", name, value) : asprintf(&line, "%s;", name)) < 0) {
        line = NULL;
        return false;
    }
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        return false;
    *list = longer;
    return true;
}

static int add_headers(struct settings *settings, json_t *headers, struct error *error)
{
    const char *name;
    json_t *value;
    if (!json_is_object(headers))
        return error_set(error, ERROR_LOCAL, "WANDB_X_EXTRA_HTTP_HEADERS is not a JSON object");
    json_object_foreach(headers, name, value)
    {
        const char *text = json_string_value(value);
        if (!is_header_name(name) || !text || !is_one_line(text))
            return error_set(error, ERROR_LOCAL,
                             "WANDB_X_EXTRA_HTTP_HEADERS: \"%s\" is not a header with a text",
                             name);
        if (is_reserved(name))
            return error_set(error, ERROR_LOCAL,
                             "WANDB_X_EXTRA_HTTP_HEADERS: \"%s\" is not yours to set: remove it",
                             name);
        bool to_proxy = strcasecmp(name, "Proxy-Authorization") == 0;
        if (!append_header(to_proxy ? &settings->proxy_headers : &settings->extra_headers, name,
                           text))
            return error_set(error, ERROR_LOCAL, "no memory");
    }
    return 0;
}

int settings_parse_headers(struct settings *settings, const char *text, struct error *error)
{
    json_t *headers = json_loads(text, 0, NULL);
    int result = add_headers(settings, headers, error);
    json_decref(headers);
    return result;
}

/* --- environment --- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

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
    const char *ca_file = variable("SSL_CERT_FILE");
    const struct {
        char **member;
        const char *value;
    } read[] = {
        {&settings->base_url, variable("WANDB_BASE_URL")},
        {&settings->organization, variable("WANDB_ORGANIZATION")},
        {&settings->entity, variable("WANDB_ENTITY")},
        {&settings->http_proxy, variable("WANDB_HTTP_PROXY")},
        {&settings->https_proxy, variable("WANDB_HTTPS_PROXY")},
        {&settings->any_http_proxy, http_proxy},
        {&settings->ca_file, ca_file ? ca_file : variable("REQUESTS_CA_BUNDLE")},
        {&settings->identity_token_file, variable("WANDB_IDENTITY_TOKEN_FILE")},
        {&settings->credentials_file, variable("WANDB_CREDENTIALS_FILE")},
    };
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        if (read[i].value && !assign(read[i].member, read[i].value, strlen(read[i].value)))
            return error_set(error, ERROR_LOCAL, "no memory");
    }
    return 0;
}

/* "Header: value of the variable"; a value that would break the header is passed over. */
static int read_header(char **header, const char *name, const char *from, struct error *error)
{
    const char *value = variable(from);
    if (!value || !is_one_line(value))
        return 0;
    if (asprintf(header, "%s: %s", name, value) < 0) {
        *header = NULL;
        return error_set(error, ERROR_LOCAL, "no memory");
    }
    return 0;
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

static int load_environment(struct settings *settings, struct error *error)
{
    const char *headers = variable("WANDB_X_EXTRA_HTTP_HEADERS");
    if (!headers)
        headers = variable("WANDB__EXTRA_HTTP_HEADERS");
    settings->insecure = is_true(variable("WANDB_INSECURE_DISABLE_SSL"));
    if (read_strings(settings, error) != 0 || read_timeout(settings, error) != 0 ||
        read_header(&settings->username_header, "X-WANDB-USERNAME", "WANDB_USERNAME", error) != 0 ||
        read_header(&settings->email_header, "X-WANDB-USER-EMAIL", "WANDB_USER_EMAIL", error) != 0)
        return -1;
    return headers ? settings_parse_headers(settings, headers, error) : 0;
}

int settings_load(struct settings *settings, struct error *error)
{
    const char *directory = variable("WANDB_CONFIG_DIR");
    cleanup_free char *global = NULL;
    if (asprintf(&global, "%s/settings", directory ? directory : "~/.config/wandb") < 0) {
        global = NULL;
        return error_set(error, ERROR_LOCAL, "no memory");
    }
    if (load_file(settings, global, error) != 0 ||
        load_file(settings, "./wandb/settings", error) != 0)
        return -1;
    return load_environment(settings, error);
}

static void wipe_headers(struct curl_slist *list)
{
    for (struct curl_slist *node = list; node; node = node->next)
        explicit_bzero(node->data, strlen(node->data));
    curl_slist_free_all(list);
}

void settings_release(struct settings *settings)
{
    char *strings[] = {
        settings->base_url,         settings->organization,        settings->entity,
        settings->ca_file,          settings->username_header,     settings->email_header,
        settings->http_proxy,       settings->https_proxy,         settings->any_http_proxy,
        settings->credentials_file, settings->identity_token_file,
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        secret_free(strings[i]); /* proxy addresses may hold passwords */
    wipe_headers(settings->extra_headers);
    wipe_headers(settings->proxy_headers);
    *settings = (struct settings){0};
}
