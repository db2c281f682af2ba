/* SPDX-License-Identifier: MIT */
/* Checks of the unit tests: counted, the failed ones printed; main() ends with check_result(). */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <stdio.h>
#include <string.h>

/* Some are made by other threads than main's. */
static _Atomic int checks_made;
static _Atomic int checks_failed;

static inline void check_one(int good, const char *file, int line, const char *what)
{
    checks_made++;
    if (good)
        return;
    checks_failed++;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
}

static inline int check_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

#define CHECK(condition) check_one(!!(condition), __FILE__, __LINE__, #condition)
/* NULL is allowed and equals NULL alone. */
#define CHECK_TEXT(found, expected)                                                                \
    check_one(check_same_text(found, expected), __FILE__, __LINE__, #found " is " #expected)

/* A run without checks is a failure: it has shown nothing. */
static inline int check_result(void)
{
    printf("%d passed, %d failed\n", checks_made - checks_failed, checks_failed);
    return checks_failed > 0 || checks_made == 0;
}

#endif
