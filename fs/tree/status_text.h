/* SPDX-License-Identifier: MIT */
/* The formats of a status (status.h), and how a text is written in those that quote. */
#ifndef FS_STATUS_TEXT_H
#define FS_STATUS_TEXT_H

#include "base/buf.h"

enum status_format {
    STATUS_LINES,   /* `key: value` a line */
    STATUS_JSON,    /* one object */
    STATUS_METRICS, /* Prometheus text, numbers only */
    STATUS_WATCH,   /* for a terminal: state, reason, and the files on their way */
};

/* Appends one member of a JSON object, without comma: `"name": "value"`, escaped. */
bool status_put_json(struct buf *text, const char *name, const char *value);
/* Appends the value alone, in quotes, escaped as JSON and Prometheus have it. */
bool status_put_quoted(struct buf *text, const char *value);

#endif
