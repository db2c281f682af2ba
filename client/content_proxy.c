/* SPDX-License-Identifier: MIT */
#include "content_proxy.h"

#include "base/secrets.h"
#include "settings.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

enum { HEADER_CEILING = 16 * 1024 };

struct member {
    char *name;    /* as given; this, through its hash, says what it is asked for */
    char *url;     /* where to connect; NULL: DIRECT */
    char *socket;  /* path of a Unix socket; NULL: none */
    size_t group;  /* these four are immutable */
    int64_t rest;  /* under lock, as all below; 0: it works */
    int64_t until; /* it rests up to then */
    int64_t failed;
    uint64_t bytes, errors;
};

struct content_proxies {
    pthread_mutex_t lock;
    struct member members[CONTENT_PROXY_MOST];
    size_t count;               /* immutable, as are the next two */
    struct curl_slist *headers; /* as given */
    bool have_direct;
    struct wrong_contents wrong;
};

/* --- the list --- */

/* http://HOST[:PORT][/], of which the part before the slash is `size` bytes. */
static bool is_address(const char *text, size_t size)
{
    size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
                    : strncmp(text, "https://", 8) == 0 ? 8
                                                        : 0;
    if (scheme == 0 || size <= scheme)
        return false;
    CURLU *url = curl_url();
    cleanup_free char *copy = strndup(text, size);
    bool good = url && copy && !strpbrk(copy, "@?# \t") && !strchr(copy + scheme, '/') &&
                curl_url_set(url, CURLUPART_URL, copy, 0) == CURLUE_OK;
    curl_url_cleanup(url);
    return good;
}

/* False: no memory, or (*understood) no member. */
static bool parse_member(struct member *member, const char *text, size_t size, bool *understood)
{
    static const char direct[] = "DIRECT", unix_socket[] = "unix:/";
    const size_t prefix = sizeof unix_socket - 2; /* the slash belongs to the path */
    *understood = true;
    if (size > prefix + 1 && strncmp(text, unix_socket, prefix + 1) == 0 &&
        size - prefix < sizeof((struct sockaddr_un *)0)->sun_path) {
        member->socket = strndup(text + prefix, size - prefix);
        member->url = strdup("http://localhost");
        member->name = strndup(text, size);
        return member->socket && member->url && member->name;
    }
    if (size == strlen(direct) && strncmp(text, direct, size) == 0) {
        member->name = strdup(direct);
        return member->name != NULL;
    }
    size -= size > 0 && text[size - 1] == '/';
    *understood = is_address(text, size);
    if (!*understood)
        return false;
    member->name = strndup(text, size);
    member->url = strndup(text, size);
    return member->name && member->url;
}

static int refuse_member(const char *text, size_t size, const char *why, struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "the content proxy %.*s %s; give http://HOST:PORT, https://HOST:PORT, "
                     "unix:/PATH or DIRECT, with | in between, and ; between groups",
                     size > 100 ? 100 : (int)size, text, why);
}

static int add_member(struct content_proxies *proxies, const char *text, size_t size, size_t group,
                      struct error *error)
{
    bool understood;
    if (proxies->count == CONTENT_PROXY_MOST)
        return error_set(error, ERROR_INVALID, "more than %d content proxies", CONTENT_PROXY_MOST);
    struct member *member = &proxies->members[proxies->count++];
    member->group = group;
    if (!parse_member(member, text, size, &understood))
        return understood ? error_set(error, ERROR_LOCAL, "no memory")
                          : refuse_member(text, size, "is none", error);
    for (const struct member *other = proxies->members; other < member; other++) {
        if (strcmp(other->name, member->name) == 0)
            return refuse_member(text, size, "is named twice", error);
    }
    proxies->have_direct |= !member->url;
    return 0;
}

static int parse_list(struct content_proxies *proxies, const char *list, struct error *error)
{
    size_t group = 0;
    for (const char *text = list;; group += *text++ == ';') {
        text += strspn(text, " ");
        size_t size = strcspn(text, "|;"), end = size;
        while (end > 0 && text[end - 1] == ' ')
            end--;
        if (add_member(proxies, text, end, group, error) != 0)
            return -1;
        text += size;
        if (!*text)
            return 0;
    }
}

/* --- the headers --- */

/* What we say ourselves, and what goes to no cache. */
static const char *const own_headers[] = {
    "Host",   "Range",        "Connection",   "Content-Length", "Transfer-Encoding",
    "Cookie", "X-Content-Id", "Authorization"};

static const char *value_of(const char *header)
{
    const char *value = header + strcspn(header, ":") + 1;
    return value + strspn(value, " \t");
}

static int check_header(const char *header, struct error *error)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t name = strspn(header, token);
    if (name == 0 || header[name] != ':' || !settings_is_one_line(header) || !*value_of(header))
        return error_set(error, ERROR_INVALID,
                         "a header for content proxies must be one line, 'NAME: VALUE'");
    for (size_t i = 0; i < sizeof own_headers / sizeof *own_headers; i++) {
        if (strlen(own_headers[i]) == name && strncasecmp(own_headers[i], header, name) == 0)
            return error_set(error, ERROR_INVALID, "content proxies cannot be sent the header %s",
                             own_headers[i]);
    }
    return 0;
}

static int take_headers(struct content_proxies *proxies, const char *const *headers, size_t count,
                        struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (check_header(headers[i], error) != 0)
            return -1;
        struct curl_slist *longer = curl_slist_append(proxies->headers, headers[i]);
        if (!longer)
            return error_set(error, ERROR_LOCAL, "no memory");
        proxies->headers = longer;
        secrets_remember(value_of(headers[i]), strlen(value_of(headers[i])));
    }
    return 0;
}

/* --- life --- */

int content_proxies_new(const char *list, const char *const *headers, size_t header_count,
                        struct error *error, struct content_proxies **created)
{
    struct content_proxies *proxies = calloc(1, sizeof *proxies);
    if (!proxies)
        return error_set(error, ERROR_LOCAL, "no memory");
    pthread_mutex_init(&proxies->lock, NULL);
    wrong_contents_init(&proxies->wrong);
    if (parse_list(proxies, list, error) != 0 ||
        take_headers(proxies, headers, header_count, error) != 0) {
        content_proxies_free(proxies);
        return -1;
    }
    *created = proxies;
    return 0;
}

void content_proxies_free(struct content_proxies *proxies)
{
    if (!proxies)
        return;
    for (size_t i = 0; i < proxies->count; i++) {
        free(proxies->members[i].name);
        free(proxies->members[i].url);
        free(proxies->members[i].socket);
    }
    for (const struct curl_slist *header = proxies->headers; header; header = header->next)
        secrets_forget(value_of(header->data), strlen(value_of(header->data)));
    curl_slist_free_all(proxies->headers);
    wrong_contents_release(&proxies->wrong);
    pthread_mutex_destroy(&proxies->lock);
    free(proxies);
}

bool content_proxies_have_direct(const struct content_proxies *proxies)
{
    return proxies->have_direct;
}

bool content_proxies_is_direct(const struct content_proxies *proxies, int member)
{
    return !proxies->members[member].url;
}

const char *content_proxies_name(const struct content_proxies *proxies, int member)
{
    return proxies->members[member].name;
}

struct wrong_contents *content_proxies_wrong(struct content_proxies *proxies)
{
    return &proxies->wrong;
}

/* --- choice --- */

/* Rendezvous hashing: of all members the one with the highest score gets the piece; of those that
 * another one got, nothing moves when it comes or goes. The same number on every machine. */
static uint64_t score(const struct member *member, const char *id, uint64_t piece)
{
    unsigned char digest[MD5_SIZE] = {0};
    char number[24];
    uint64_t value = 0;
    struct md5 *md5 = md5_new();
    snprintf(number, sizeof number, " %" PRIu64, piece);
    if (md5 && md5_update(md5, member->name, strlen(member->name) + 1) &&
        md5_update(md5, id, strlen(id)) && md5_update(md5, number, strlen(number)))
        md5_finish(md5, digest);
    md5_free(md5);
    for (size_t i = 0; i < sizeof value; i++)
        value = value << 8 | digest[i];
    return value;
}

int content_proxies_choose(struct content_proxies *proxies, const char *id, uint64_t offset,
                           uint64_t tried, int64_t now, int64_t *wake)
{
    struct member *best = NULL;
    uint64_t highest = 0;
    *wake = INT64_MAX;
    pthread_mutex_lock(&proxies->lock);
    for (size_t i = 0; i < proxies->count; i++) {
        struct member *member = &proxies->members[i];
        if (best && member->group != best->group)
            break;
        bool rests = member->rest > 0 && now < member->until;
        if (rests && member->until < *wake)
            *wake = member->until;
        if (rests || tried & UINT64_C(1) << i)
            continue;
        uint64_t own = score(member, id, offset / CONTENT_PROXY_PIECE);
        if (!best || own > highest) {
            best = member;
            highest = own;
        }
    }
    if (best && best->rest > 0)
        best->until = now + best->rest;
    pthread_mutex_unlock(&proxies->lock);
    return best ? (int)(best - proxies->members) : -1;
}

void content_proxies_count(struct content_proxies *proxies, int member, uint64_t bytes, bool error)
{
    pthread_mutex_lock(&proxies->lock);
    proxies->members[member].bytes += bytes;
    proxies->members[member].errors += error;
    pthread_mutex_unlock(&proxies->lock);
}

void content_proxies_worked(struct content_proxies *proxies, int member)
{
    pthread_mutex_lock(&proxies->lock);
    proxies->members[member].rest = 0;
    pthread_mutex_unlock(&proxies->lock);
}

int64_t content_proxies_failed(struct content_proxies *proxies, int index, int64_t started,
                               int64_t now, uint32_t random)
{
    struct member *member = &proxies->members[index];
    int64_t length = 0;
    pthread_mutex_lock(&proxies->lock);
    if (member->rest == 0 || started >= member->failed) {
        member->rest = member->rest > 0 ? member->rest * 2 : CONTENT_PROXY_FIRST_REST_MS;
        if (member->rest > CONTENT_PROXY_LONGEST_REST_MS)
            member->rest = CONTENT_PROXY_LONGEST_REST_MS;
        length = member->rest / 2 + member->rest * (int64_t)(random % 1024) / 1023;
        member->until = now + length;
        member->failed = now;
    }
    pthread_mutex_unlock(&proxies->lock);
    return length;
}

/* --- requests --- */

static bool append(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = header ? curl_slist_append(*list, header) : NULL;
    *list = longer ? longer : *list;
    return longer != NULL;
}

/* With the id for each "%i". */
static bool append_filled_in(struct curl_slist **list, const char *header, const char *id)
{
    cleanup_buf struct buf text;
    buf_init(&text, HEADER_CEILING);
    for (const char *mark; (mark = strstr(header, "%i")); header = mark + 2) {
        buf_append(&text, header, (size_t)(mark - header));
        buf_puts(&text, id);
    }
    return buf_puts(&text, header) && append(list, text.data);
}

/* The host of the URL as it stands there. */
static bool append_host(struct curl_slist **list, const char *url)
{
    cleanup_free char *header = NULL;
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    if (asprintf(&header, "Host: %.*s", (int)strcspn(host, "/?#"), host) < 0)
        header = NULL;
    return append(list, header);
}

bool content_proxies_relay(const struct content_proxies *proxies, int member, const char *url,
                           const char *id, struct http_relay *relay)
{
    char name[sizeof "X-Content-Id: " + CONTENT_ID_SIZE];
    snprintf(name, sizeof name, "X-Content-Id: %s", id);
    *relay = (struct http_relay){
        .name = proxies->members[member].name,
        .url = proxies->members[member].url,
        .socket = proxies->members[member].socket,
        .id = id,
    };
    bool well = append_host(&relay->headers, url) && append(&relay->headers, name);
    for (const struct curl_slist *header = proxies->headers; well && header; header = header->next)
        well = append_filled_in(&relay->headers, header->data, id);
    return well;
}

void content_proxies_relay_release(struct http_relay *relay)
{
    curl_slist_free_all(relay->headers);
    relay->headers = NULL;
}

bool content_proxies_read_figures(struct content_proxies *proxies, size_t index,
                                  struct content_proxy_figures *figures)
{
    if (index >= proxies->count)
        return false;
    struct member *member = &proxies->members[index];
    pthread_mutex_lock(&proxies->lock);
    *figures = (struct content_proxy_figures){
        .name = member->name,
        .direct = !member->url,
        .resting = member->rest > 0,
        .bytes = member->bytes,
        .errors = member->errors,
    };
    pthread_mutex_unlock(&proxies->lock);
    return true;
}
