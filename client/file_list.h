/* SPDX-License-Identifier: MIT */
/* A version's files out of an answer that is about more than them. */
#ifndef CLIENT_FILE_LIST_H
#define CLIENT_FILE_LIST_H

#include "content.h"

#include <jansson.h>

/* Appends the files of a connection if they are all that the version has; else none. -1: no memory.
 */
int file_list_whole(struct client *client, const struct version *version, const json_t *connection,
                    struct object_list *files, struct error *error);

#endif
