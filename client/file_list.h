/* SPDX-License-Identifier: MIT */
/* A version's files out of an answer that is about more than them. */
#ifndef CLIENT_FILE_LIST_H
#define CLIENT_FILE_LIST_H

#include "content.h"

#include <jansson.h>

/* Fills the list with the files of a connection if their digests show that they are all that the
 * version has, and all are stored; else leaves it empty. -1: no memory. */
int file_list_whole(struct client *client, const struct version *version, const json_t *connection,
                    struct object_list *files, struct error *error);

#endif
