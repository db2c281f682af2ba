/* SPDX-License-Identifier: MIT */
#include "credentials.h"

#include "base/clock.h"
#include "base/secrets.h"
#include "identity.h"
#include "internal.h"
#include "local_file.h"
#include "netrc.h"

enum {
    SECRET_FILE_CEILING = 64 * 1024,
    WAIT_SLICE_MS = 50,
    LOOK_MS = 1000, /* between looks at the key file */
    KEEP_OLD_S = 10,
    SHORT_RENEWAL_MS = 5000, /* while the old token still lives */
};

struct credentials {
    pthread_mutex_t lock;
    pthread_cond_t renewed;
    struct authorization *current; /* under lock; NULL before the first token */
    int64_t renew_at;              /* under lock; CLOCK_REALTIME seconds, INT64_MAX for a key */
    int64_t expires_at;            /* under lock; after that `current` is refused */
    bool renewing;                 /* under lock: one thread fetches, the others wait */
    bool identity;                 /* under lock: a token, not a key */
    bool distrust_cache;           /* under lock: the cached token was refused */
    struct file_stamp key_file;    /* under lock: of the key file that was last read */
    int64_t next_look;             /* under lock: clock_milliseconds() of the next look at it */
    char *place;                   /* owned, under lock: where the key or token was found */
};

struct credentials *credentials_new(void)
{
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (!credentials)
        return NULL;
    pthread_mutex_init(&credentials->lock, NULL);
    clock_condition(&credentials->renewed);
    return credentials;
}

void credentials_free(struct credentials *credentials)
{
    if (!credentials)
        return;
    authorization_unref(credentials->current);
    free(credentials->place);
    pthread_cond_destroy(&credentials->renewed);
    pthread_mutex_destroy(&credentials->lock);
    free(credentials);
}

/* --- where the key is --- */

static int found_in(char **place, const char *kind, const char *path, struct error *error)
{
    if (asprintf(place, "%s%s", kind, path) >= 0)
        return 0;
    *place = NULL;
    return error_set(error, ERROR_LOCAL, "no memory");
}

/* Reads the key file without surrounding blanks. */
static int read_key_file(const char *path, char **key, struct error *error)
{
    cleanup_secret_buf struct buf content;
    buf_init(&content, SECRET_FILE_CEILING);
    enum local_file found = local_file_read(path, &content, error);
    if (found == LOCAL_FILE_ABSENT)
        return error_set(error, ERROR_LOCAL, "the key file %s does not exist", path);
    if (found == LOCAL_FILE_FAILED)
        return -1;
    static const char blanks[] = " \t\r\n";
    const char *start = content.data + strspn(content.data, blanks);
    size_t size = content.size - (size_t)(start - content.data);
    while (size > 0 && strchr(blanks, start[size - 1]))
        size--;
    if (api_key_check(start, size, path, error) != 0) {
        error->kind = ERROR_LOCAL;
        return -1;
    }
    *key = strndup(start, size);
    return *key ? 0 : error_set(error, ERROR_LOCAL, "no memory");
}

/* Reads one netrc file; anything wrong with it is told and makes it absent. True: the file counts,
 * with or without a key, and is *used. */
static bool try_netrc(struct client *client, const char *name, char **key, char **used)
{
    cleanup_free char *path = path_expand_home(name);
    cleanup_secret_buf struct buf content;
    struct error error = {0};
    buf_init(&content, 16 * SECRET_FILE_CEILING);
    enum local_file found = path ? local_file_read(path, &content, &error) : LOCAL_FILE_ABSENT;
    if (found == LOCAL_FILE_FAILED)
        client_log(client, CLIENT_LOG_WARNING, "%s; passed over", error.message);
    if (found != LOCAL_FILE_READ)
        return found == LOCAL_FILE_FAILED;
    const char *machines[3] = {client->base_url.host};
    if (client->base_url.netrc) {
        machines[0] = client->base_url.netrc;
        machines[1] = client->base_url.host;
    }
    int line = netrc_find(content.data, content.size, machines, key);
    if (line != 0)
        client_log(client, CLIENT_LOG_WARNING, "%s: line %d cannot be understood; passed over",
                   path, line);
    *used = steal(path);
    return true;
}

static int key_of_netrc(struct client *client, char **key, char **place, struct error *error)
{
    const char *named = getenv("NETRC");
    if (named && *named)
        try_netrc(client, named, key, place);
    else if (!try_netrc(client, "~/.netrc", key, place))
        try_netrc(client, "~/_netrc", key, place);
    if (!*key)
        return error_set(error, ERROR_UNAUTHENTICATED, "no API key for %s: " WHERE_TO_PUT_A_KEY,
                         client->base_url.text);
    if (api_key_check(*key, strlen(*key), "the key in netrc", error) == 0)
        return 0;
    secret_free(steal(*key));
    return -1;
}

/* Finds the key, and says where; *key stays NULL when an identity token is to be used. */
static int find_key(struct client *client, char **key, char **place, struct error *error)
{
    if (client->api_key_file)
        return read_key_file(client->api_key_file, key, error) == 0
                   ? found_in(place, "", client->api_key_file, error)
                   : -1;
    const char *variable = getenv("WANDB_API_KEY");
    bool has_key = variable && *variable;
    bool has_token = client->settings.identity_token_file != NULL;
    if (has_key && has_token)
        return error_set(error, ERROR_UNAUTHENTICATED,
                         "WANDB_API_KEY and WANDB_IDENTITY_TOKEN_FILE are both set: unset one");
    if (has_token)
        return identity_check(client, error) == 0
                   ? found_in(place, "identity token ", client->settings.identity_token_file, error)
                   : -1;
    if (!has_key)
        return key_of_netrc(client, key, place, error);
    if (api_key_check(variable, strlen(variable), "WANDB_API_KEY", error) != 0 ||
        found_in(place, "WANDB_API_KEY", "", error) != 0)
        return -1;
    *key = strdup(variable);
    return *key ? 0 : error_set(error, ERROR_LOCAL, "no memory");
}

/* Takes over the reference. */
static void replace(struct credentials *credentials, struct authorization *authorization,
                    bool identity, int64_t renew_at, int64_t expires_at)
{
    pthread_mutex_lock(&credentials->lock);
    struct authorization *old = credentials->current;
    credentials->current = authorization;
    credentials->identity = identity;
    credentials->renew_at = renew_at;
    credentials->expires_at = expires_at;
    credentials->distrust_cache = false;
    pthread_mutex_unlock(&credentials->lock);
    authorization_unref(old);
}

int credentials_load(struct client *client, struct error *error)
{
    cleanup_secret char *key = NULL;
    cleanup_free char *place = NULL;
    struct authorization *authorization = NULL;
    struct file_stamp key_file = {0};
    /* Before it is read: one that is replaced meanwhile is then seen to be. */
    if (client->api_key_file)
        key_file = local_file_stamp(client->api_key_file);
    if (find_key(client, &key, &place, error) != 0)
        return -1;
    if (key) {
        authorization = authorization_of_key(key);
        if (!authorization)
            return error_set(error, ERROR_LOCAL, "no memory");
    }
    replace(client->credentials, authorization, !key, key ? INT64_MAX : 0, key ? INT64_MAX : 0);
    pthread_mutex_lock(&client->credentials->lock);
    client->credentials->key_file = key_file;
    free(client->credentials->place);
    client->credentials->place = steal(place);
    pthread_mutex_unlock(&client->credentials->lock);
    return 0;
}

bool credentials_describe(struct credentials *credentials, struct buf *text)
{
    pthread_mutex_lock(&credentials->lock);
    bool whole = buf_puts(text, credentials->place);
    pthread_mutex_unlock(&credentials->lock);
    return whole;
}

int credentials_reload(struct client *client, struct error *error)
{
    searches_clear(&client->searches);
    return credentials_load(client, error);
}

/* --- use --- */

/* Under the lock. One reference of what is good to send now, else NULL. */
static struct authorization *usable(struct credentials *credentials)
{
    if (!credentials->current || (credentials->identity && time(NULL) >= credentials->renew_at))
        return NULL;
    return authorization_ref(credentials->current);
}

/* Under the lock: waits a little for the thread that fetches a token. */
static void wait_for_renewal(struct credentials *credentials)
{
    struct timespec until = clock_timespec(clock_nanoseconds() + WAIT_SLICE_MS * CLOCK_MILLISECOND);
    pthread_cond_timedwait(&credentials->renewed, &credentials->lock, &until);
}

/* A renewal that fails costs nothing while the old token lives: it is kept a little longer. */
static bool keep_old(struct credentials *credentials)
{
    int64_t now = time(NULL);
    pthread_mutex_lock(&credentials->lock);
    bool keep = credentials->current && now < credentials->expires_at;
    if (keep)
        credentials->renew_at = now + KEEP_OLD_S;
    pthread_mutex_unlock(&credentials->lock);
    return keep;
}

/* Fetches a token, as the only thread that does. */
static int renew(struct client *client, struct call *call, bool use_cache)
{
    struct credentials *credentials = client->credentials;
    cleanup_identity_token struct identity_token token = {0};
    if (identity_fetch(client, call, use_cache, &token) != 0)
        return -1;
    struct authorization *authorization = authorization_of_token(token.text);
    if (!authorization)
        return error_set(call->error, ERROR_LOCAL, "no memory");
    replace(credentials, authorization, true, token.renew_at, token.expires_at);
    return 0;
}

/* Renews and wakes those who wait. */
static int renew_for_all(struct client *client, struct call *call, bool use_cache, bool has_old)
{
    struct credentials *credentials = client->credentials;
    struct error failure = {0};
    struct call attempt = {
        .cancelled = call->cancelled, .deadline = call_deadline(client, call), .error = &failure};
    int64_t soon = clock_milliseconds() + SHORT_RENEWAL_MS;
    if (has_old && soon < attempt.deadline)
        attempt.deadline = soon;
    int result = renew(client, &attempt, use_cache);
    if (result != 0 && keep_old(credentials))
        result = 0;
    if (result != 0)
        *call->error = failure;
    pthread_mutex_lock(&credentials->lock);
    credentials->renewing = false;
    pthread_cond_broadcast(&credentials->renewed);
    pthread_mutex_unlock(&credentials->lock);
    return result;
}

/* Under the lock. Waits until there is a usable authorization or this thread is to renew. */
static struct authorization *wait_for_usable(struct client *client, struct call *call,
                                             int64_t deadline)
{
    struct credentials *credentials = client->credentials;
    for (;;) {
        struct authorization *authorization = usable(credentials);
        if (authorization || !credentials->renewing || call_interrupted(client, call))
            return authorization;
        if (clock_milliseconds() >= deadline) {
            error_set(call->error, ERROR_TIMEOUT, "no access token in time; try again later");
            return NULL;
        }
        wait_for_renewal(credentials);
    }
}

/* Reads the key file again when another one is in its place. What cannot be used is told in the log
 * and changes nothing: the old key may still be good. */
static void look_at_key_file(struct client *client)
{
    struct credentials *credentials = client->credentials;
    int64_t now = clock_milliseconds();
    pthread_mutex_lock(&credentials->lock);
    bool due = client->api_key_file && now >= credentials->next_look;
    if (due)
        credentials->next_look = now + LOOK_MS;
    pthread_mutex_unlock(&credentials->lock);
    if (!due)
        return;
    struct file_stamp none = {0}, found = local_file_stamp(client->api_key_file);
    struct error error = {0};
    pthread_mutex_lock(&credentials->lock);
    bool replaced =
        !file_stamp_equal(&found, &none) && !file_stamp_equal(&found, &credentials->key_file);
    credentials->key_file = replaced ? found : credentials->key_file;
    pthread_mutex_unlock(&credentials->lock);
    if (replaced && credentials_reload(client, &error) != 0)
        client_log(client, CLIENT_LOG_WARNING, "the old API key is kept: %s", error.message);
}

static int get_authorization(struct client *client, struct call *call, struct authorization **found)
{
    struct credentials *credentials = client->credentials;
    int64_t deadline = call_deadline(client, call);
    look_at_key_file(client);
    do {
        pthread_mutex_lock(&credentials->lock);
        *found = wait_for_usable(client, call, deadline);
        bool renews = !*found && !credentials->renewing;
        bool use_cache = !credentials->distrust_cache;
        bool has_old = credentials->current && time(NULL) < credentials->expires_at;
        if (renews)
            credentials->renewing = true;
        pthread_mutex_unlock(&credentials->lock);
        if (renews && renew_for_all(client, call, use_cache, has_old) != 0)
            return -1;
        if (!renews && !*found)
            return -1;
    } while (!*found);
    return 0;
}

static bool token_changed(struct client *client, struct call *call,
                          const struct authorization *refused)
{
    struct credentials *credentials = client->credentials;
    struct authorization *old = NULL;
    pthread_mutex_lock(&credentials->lock);
    if (credentials->current == refused) {
        old = steal(credentials->current);
        credentials->distrust_cache = true; /* it may hold the very token that was refused */
    }
    pthread_mutex_unlock(&credentials->lock);
    authorization_unref(old);
    struct authorization *found = NULL;
    if (get_authorization(client, call, &found) != 0)
        return false;
    authorization_unref(found);
    return true;
}

static bool key_changed(struct client *client, struct call *call,
                        const struct authorization *refused)
{
    if (credentials_load(client, call->error) != 0)
        return false;
    struct credentials *credentials = client->credentials;
    pthread_mutex_lock(&credentials->lock);
    bool changed =
        !credentials->current || strcmp(credentials->current->header, refused->header) != 0;
    pthread_mutex_unlock(&credentials->lock);
    return changed;
}

static bool has_changed(struct client *client, struct call *call,
                        const struct authorization *refused)
{
    struct error ignored = {0}; /* the 401 is what the caller is told */
    struct call attempt = {
        .cancelled = call->cancelled, .deadline = call->deadline, .error = &ignored};
    pthread_mutex_lock(&client->credentials->lock);
    bool identity = client->credentials->identity;
    pthread_mutex_unlock(&client->credentials->lock);
    return identity ? token_changed(client, &attempt, refused)
                    : key_changed(client, &attempt, refused);
}

const struct authorizer credentials_authorizer = {.get = get_authorization, .changed = has_changed};
