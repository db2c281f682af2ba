/* SPDX-License-Identifier: MIT */
/* A command line, one word a line. */
#include "report/options.h"
#include "base/cleanup.h"
#include "fuzz.h"

enum { MOST_WORDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = fuzz_string(data, size);
    char *words[MOST_WORDS + 2] = {(char[]){"registryfs"}};
    int count = 1;
    for (char *word = text; word && count <= MOST_WORDS; count++)
        words[count] = strsep(&word, "\n");
    struct options options;
    struct error error = {0};
    if (options_parse(&options, count, words, &error) == 0) {
        must(error.kind == ERROR_NONE);
        must(options.help || options.version || options.mountpoint || options.command ||
             options.status);
        must(options.ttl >= 0 && options.timeout_ms > 0);
    } else {
        must(error.kind != ERROR_NONE && error.message[0]);
    }
    options_release(&options);
    return 0;
}
