/* SPDX-License-Identifier: MIT */
/* An answer to the token exchange; a credentials file, before and after a token is put into it. */
#include "identity.h"
#include "fuzz.h"
#include "local_file.h"

static const int64_t NOW = 1700000000;
static const char SERVER[] = "https://h";

static void update(const char *text, size_t size)
{
    struct identity_token stored = {.text = (char[]){"token"}, .expires_at = NOW + 3600};
    cleanup_identity_token struct identity_token found = {0};
    cleanup_secret char *updated = identity_cache_update(text, size, SERVER, &stored);
    must(updated && identity_cache_find(updated, strlen(updated), SERVER, NOW, &found));
    must(strcmp(found.text, stored.text) == 0 && found.expires_at == stored.expires_at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = fuzz_string(data, size);
    cleanup_identity_token struct identity_token answer = {0}, found = {0};
    struct error error = {0};
    if (identity_parse_answer(text, size, NOW, &answer, &error) == 0)
        must(answer.text && answer.renew_at <= answer.expires_at && answer.expires_at > NOW);
    identity_cache_find(text, size, SERVER, NOW, &found);
    update(text, size);
    return 0;
}
