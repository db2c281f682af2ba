/* SPDX-License-Identifier: MIT */
/* THE table of the fields that a filter can name (protocol 7). */
#ifndef CLIENT_FILTER_FIELD_H
#define CLIENT_FILTER_FIELD_H

#include "base/buf.h"
#include "base/error.h"
#include "filter_level.h"

struct filter_field {
    const char *name; /* as the server has it, without a path */
    bool any_type;    /* its values are any JSON: metadata */
    bool has_prefix;  /* its texts are full names of registries (protocol 5.1) */
};

/* Finds a field by the name a user gives it and writes the server's name, with the path within
 * metadata, NUL-terminated, into `wire`. ERROR_INVALID names the fields that there are. */
int filter_field_find(const char *name, enum filter_level level, enum filter_search search,
                      struct filter_field *field, struct buf *wire, struct error *error);

/* How the values of a field are read in the form FIELD=VALUE; by any name of any level. */
enum filter_value { FILTER_VALUE_TEXT, FILTER_VALUE_WHOLE_NUMBER, FILTER_VALUE_ANY };
enum filter_value filter_field_value(const char *name, size_t size);

#endif
