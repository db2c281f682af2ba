/* SPDX-License-Identifier: MIT */
/* The password of a machine in a netrc file (protocol 1.3), read as Python's netrc does. Pure. */
#ifndef CLIENT_NETRC_H
#define CLIENT_NETRC_H

#include <stddef.h>

/*
 * Looks for the first of `machines` (NULL-terminated) that has an entry, else for `default`. 0:
 * *password is malloc'ed (to be wiped), or NULL when there is none; else the number of the line
 * that cannot be understood, or -1: no memory. Of several entries of one machine the last counts.
 */
int netrc_find(const char *text, size_t size, const char *const *machines, char **password);

#endif
