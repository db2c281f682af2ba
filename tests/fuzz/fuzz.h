/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput; what must hold
 * is said with must(), which ends the process so that libFuzzer keeps the input. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool condition)
{
    if (!condition)
        __builtin_trap();
}

/* A copy with a NUL after it, in a block of exactly that size: reading beyond it is noticed. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    char *string = malloc(size + 1);
    must(string != NULL);
    memcpy(string, data, size);
    string[size] = '\0';
    return string;
}

#endif
