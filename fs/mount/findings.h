/* SPDX-License-Identifier: MIT */
/* What `check` finds, on standard output: a line each, or one object of JSON. One thread. */
#ifndef FS_FINDINGS_H
#define FS_FINDINGS_H

#include <jansson.h>
#include <stdbool.h>

/* The exit code of the worst is the command's. */
enum finding { FINDING_WELL, FINDING_DEGRADED, FINDING_UNUSABLE };

struct findings {
    enum finding worst;
    json_t *list; /* NULL: text */
};

void findings_begin(struct findings *findings, bool json);
/* `advice`, what to do about it, may be NULL. */
void findings_add(struct findings *findings, enum finding state, const char *name,
                  const char *found, const char *advice);
/* False: standard output cannot be written. */
bool findings_end(struct findings *findings);

#endif
