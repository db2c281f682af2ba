/* SPDX-License-Identifier: MIT */
/* A settings file, or a JSON object of headers when the text begins with a brace. */
#include "settings.h"
#include "base/cleanup.h"
#include "fuzz.h"

static void must_be_clean(const struct curl_slist *headers)
{
    for (; headers; headers = headers->next) {
        must(strcspn(headers->data, "\r\n") == strlen(headers->data));
        must(strncasecmp(headers->data, "Authorization:", strlen("Authorization:")) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = fuzz_string(data, size);
    struct settings settings = {0};
    struct error error = {0};
    if (*text == '{')
        settings_parse_headers(&settings, "the fuzzer", text, &error);
    else
        settings_parse(&settings, text, size);
    must_be_clean(settings.extra_headers);
    must_be_clean(settings.proxy_headers);
    settings_release(&settings);
    return 0;
}
