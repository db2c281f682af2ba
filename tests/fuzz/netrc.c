/* SPDX-License-Identifier: MIT */
#include "netrc.h"
#include "base/cleanup.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const machines[] = {"h:1", "h", NULL};
    cleanup_free char *text = fuzz_string(data, size);
    char *password = NULL;
    int line = netrc_find(text, size, machines, &password);
    must(line >= 0 && (!line || !password));
    must(!password || strlen(password) <= size);
    free(password);
    return 0;
}
