/* SPDX-License-Identifier: MIT */
/* The client's calls with scripted answers instead of a transport. All that a call sends, finds and
 * reports is printed to stdout. One thread. */
#ifndef TESTS_SCRIPTED_H
#define TESTS_SCRIPTED_H

#include "base/buf.h"

struct scripted_reply {
    int status;
    const char *content_type;
    bool lost; /* the answer does not arrive */
};

/* Defined by the program: the next answer; the defaults are a 200 with JSON. False: there is no
 * more. */
bool scripted_next(struct scripted_reply *reply, struct buf *body);

/* NULL after the last one. */
const char *scripted_call_name(size_t index);
void scripted_call(const char *name);

#endif
