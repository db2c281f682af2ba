/* SPDX-License-Identifier: MIT */
#include "authorization.h"

#include "base/base64.h"
#include "base/secrets.h"
#include "local_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Remembers or forgets both forms in which the secret could be told. */
static void hide(const struct authorization *authorization,
                 void (*act)(const char *bytes, size_t size))
{
    const char *sent = strrchr(authorization->header, ' ') + 1;
    act(authorization->secret, strlen(authorization->secret));
    act(sent, strlen(sent));
}

struct authorization *authorization_ref(struct authorization *authorization)
{
    atomic_fetch_add(&authorization->references, 1);
    return authorization;
}

void authorization_unref(struct authorization *authorization)
{
    if (!authorization || atomic_fetch_sub(&authorization->references, 1) != 1)
        return;
    size_t size = (size_t)(authorization->secret - authorization->header);
    hide(authorization, secrets_forget);
    explicit_bzero(authorization->header, size + strlen(authorization->secret));
    free(authorization);
}

/* `credential` is what the scheme sends, `secret` what it was made from. */
static struct authorization *authorization_new(const char *scheme, const char *credential,
                                               const char *secret)
{
    size_t size = strlen("Authorization:  ") + strlen(scheme) + strlen(credential) + 1;
    size_t secret_size = strlen(secret) + 1;
    struct authorization *authorization = malloc(sizeof *authorization + size + secret_size);
    if (!authorization)
        return NULL;
    atomic_init(&authorization->references, 1);
    snprintf(authorization->header, size, "Authorization: %s %s", scheme, credential);
    authorization->secret = authorization->header + size;
    memcpy(authorization->header + size, secret, secret_size);
    hide(authorization, secrets_remember);
    return authorization;
}

/* "Basic base64(api:KEY)". */
struct authorization *authorization_of_key(const char *key)
{
    size_t size = strlen("api:") + strlen(key);
    cleanup_secret char *pair = malloc(size + 1);
    cleanup_secret char *encoded = calloc(1, BASE64_ROOM(size));
    if (!pair || !encoded)
        return NULL;
    snprintf(pair, size + 1, "api:%s", key);
    base64_encode(pair, size, encoded);
    return authorization_new("Basic", encoded, key);
}

struct authorization *authorization_of_token(const char *token)
{
    return authorization_new("Bearer", token, token);
}

int api_key_check(const char *key, size_t size, const char *source, struct error *error)
{
    if (size == 0)
        return error_set(error, ERROR_UNAUTHENTICATED, "%s is empty: " WHERE_TO_PUT_A_KEY, source);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)key[i] <= ' ' || key[i] == 0x7f)
            return error_set(error, ERROR_UNAUTHENTICATED,
                             "%s holds a blank or control character: copy the key again", source);
    }
    return 0;
}
