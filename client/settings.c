/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "base/secrets.h"
#include "json_memory.h"
#include "local_file.h"

#include <strings.h>

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

bool settings_assign(char **member, const char *bytes, size_t size)
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
        {"app_url_override", &settings->app_url},
        {"organization", &settings->organization},
        {"entity", &settings->entity},
        {"http_proxy", &settings->http_proxy},
        {"https_proxy", &settings->https_proxy},
        {"insecure_disable_ssl", &settings->insecure_text},
        {"x_extra_http_headers", &settings->headers_text},
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
    if (!settings_assign(member, value.bytes, value.size))
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

/* --- extra headers --- */

static bool is_header_name(const char *name)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *name && name[strspn(name, token)] == '\0';
}

bool settings_is_one_line(const char *value)
{
    for (; *value; value++) {
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return false;
    }
    return true;
}

/* A header that is ours to set, as we write it: a second one would contradict. NULL: it is not. */
static const char *reserved_name(const char *name)
{
    static const char *const reserved[] = {"Authorization",   "Content-Length",    "Content-Type",
                                           "Accept-Encoding", "Transfer-Encoding", "Range"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcasecmp(name, reserved[i]) == 0)
            return reserved[i];
    }
    return NULL;
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

/* What a header of this name holds must stand in no message. */
static bool is_sensitive(const char *name)
{
    static const char *const words[] = {"auth",   "token",  "key",        "secret",
                                        "passwd", "cookie", "credential", "password"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasestr(name, words[i]))
            return true;
    }
    return false;
}

bool settings_hide(struct settings *settings, const char *secret)
{
    struct curl_slist *longer = curl_slist_append(settings->secrets, secret);
    if (!longer)
        return false;
    settings->secrets = longer;
    secrets_remember(secret, strlen(secret));
    return true;
}

/* "Bearer SECRET": the words are hidden, long ones, as the scheme is none. */
static bool hide_words(struct settings *settings, const char *value)
{
    enum { WORD_LEAST = 8 };
    while (*value) {
        size_t size = strcspn(value, " \t");
        cleanup_secret char *word = strndup(value, size);
        if (!word || (size >= WORD_LEAST && !settings_hide(settings, word)))
            return false;
        value += size + (value[size] != '\0');
    }
    return true;
}

/* A name is not repeated in a message: it may hold the secret by mistake. */
static int add_header(struct settings *settings, const char *source, unsigned number,
                      const char *name, const json_t *value, struct error *error)
{
    const char *text = json_string_value(value);
    if (!is_header_name(name) || !text || !settings_is_one_line(text))
        return error_set(error, ERROR_LOCAL,
                         "header %u of %s is not \"name\": \"one line of text\": correct it",
                         number, source);
    const char *reserved = reserved_name(name);
    if (reserved)
        return error_set(error, ERROR_LOCAL, "%s must not set the header %s: remove it", source,
                         reserved);
    bool to_proxy = strcasecmp(name, "Proxy-Authorization") == 0;
    if (!append_header(to_proxy ? &settings->proxy_headers : &settings->extra_headers, name,
                       text) ||
        (is_sensitive(name) && !hide_words(settings, text)))
        return error_set(error, ERROR_LOCAL, "no memory");
    return 0;
}

int settings_parse_headers(struct settings *settings, const char *source, const char *text,
                           struct error *error)
{
    const char *name;
    json_t *value;
    unsigned number = 0;
    json_t *headers = json_load(text, strlen(text), 0, NULL);
    int result = 0;
    if (!json_is_object(headers))
        result =
            error_set(error, ERROR_LOCAL,
                      "%s is not a JSON object of headers, such as {\"X-Team\": \"a\"}: correct "
                      "it",
                      source);
    json_object_foreach(headers, name, value)
    {
        if (result == 0)
            result = add_header(settings, source, ++number, name, value, error);
    }
    json_decref(headers);
    return result;
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
        settings->base_url,
        settings->organization,
        settings->entity,
        settings->app_url,
        settings->username_header,
        settings->email_header,
        settings->http_proxy,
        settings->https_proxy,
        settings->any_http_proxy,
        settings->credentials_file,
        settings->identity_token_file,
        settings->insecure_text,
        settings->headers_text,
        settings->ca_file,
        settings->ca_directories,
        settings->no_proxy,
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        secret_free(strings[i]); /* proxy addresses may hold passwords */
    for (struct curl_slist *secret = settings->secrets; secret; secret = secret->next)
        secrets_forget(secret->data, strlen(secret->data));
    wipe_headers(settings->secrets);
    wipe_headers(settings->extra_headers);
    wipe_headers(settings->proxy_headers);
    buf_release(&settings->ca_bundle);
    *settings = (struct settings){0};
}
