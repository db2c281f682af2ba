/* SPDX-License-Identifier: MIT */
/*
 * Filters as users write them, and as the server takes them (protocol 5.1, 7).
 * Pure functions over text: no I/O, nothing kept, any thread. Whatever they are
 * given they answer with a text or with ERROR_INVALID and a reason.
 */
#ifndef CLIENT_FILTER_H
#define CLIENT_FILTER_H

#include "base/error.h"
#include "filter_level.h"

enum {
    FILTER_SIZE = 16 << 10, /* most bytes of a filter that is read */
    FILTER_DEPTH = 32,      /* most objects and lists inside of each other */
};

/*
 * The filter of a query, that is of a file name without its `@`: malloc'ed JSON text, unchecked but
 * for its form. A query is JSON, or FIELD=VALUE[,FIELD=VALUE…] where all must hold; `%` and two hex
 * digits stand for a byte in both. In the second form the first `=` ends the field, `%2C` is a
 * comma within a value, and blanks around a field do not count. Values are texts; those of metadata
 * fields are numbers, true, false, null or quoted texts where they look like one, those of ids and
 * other whole numbers are numbers where they consist of digits.
 */
int filter_read(const char *query, char **json, struct error *error);

/* Checks a filter's JSON text (fields of the level, operators, types of operands) and writes it in
 * the server's names, malloc'ed: keys in their order, numbers and texts byte for byte, names of
 * registries with their prefix. */
int filter_write(const char *json, enum filter_level level, enum filter_search search, char **wire,
                 struct error *error);

#endif
