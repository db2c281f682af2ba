/* SPDX-License-Identifier: MIT */
/* What all mutations share: none is sent twice; what has come of one that was not answered by a
 * plain success is found out by reading again (design 5). */
#ifndef CLIENT_MUTATION_H
#define CLIENT_MUTATION_H

#include "client.h"

/* A mutation may take two thirds of the time that is left; the rest is for reading again. */
struct call mutation_call(const struct client *client, const struct call *call);
/* Whether the server has seen a mutation that failed, so that what it has now is worth a look. */
bool mutation_has_arrived(const struct error *error);
/* The answer's error, -1. Puts in front of that of a lost answer what reading again has shown;
 * `known`: it has. */
int mutation_failed(struct call *call, bool known);
/* What was wanted is there: whatever the answer was, that is a success, 0, and worth a line. */
int mutation_done_all_the_same(struct client *client, struct call *call, const char *operation,
                               struct text name);

#endif
