/* SPDX-License-Identifier: MIT */
/* Entries of NO_PROXY that name a port, which curl does not know. Pure. */
#ifndef CLIENT_NO_PROXY_H
#define CLIENT_NO_PROXY_H

#include <stdbool.h>

/* Whether an entry "host:port" or "[address]:port" of the list (commas, blanks) is for the URL. As
 * with other entries ".example.com:80" and "example.com:80" are for all hosts of a domain. A NULL
 * list has none. */
bool no_proxy_matches(const char *list, const char *url);

#endif
