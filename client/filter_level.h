/* SPDX-License-Identifier: MIT */
/* Which kinds of filters there are (protocol 7). */
#ifndef CLIENT_FILTER_LEVEL_H
#define CLIENT_FILTER_LEVEL_H

/* What a filter chooses from. */
enum filter_level { FILTER_REGISTRIES, FILTER_COLLECTIONS, FILTER_VERSIONS, FILTER_LEVELS };

/* Which of the server's searches takes it: the two name their fields differently. Listings of
 * registries and collections are always basic. */
enum filter_search { FILTER_BASIC, FILTER_ADVANCED };

#endif
