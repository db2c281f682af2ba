/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include <stdio.h>

int fail(int code, const char *message)
{
    fprintf(stderr, "registryfs: %s\n", message);
    return code;
}
