/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STRESS_SERVER_H
#define TESTS_STRESS_SERVER_H

#include "client.h"

/* Calls so far. */
uint64_t server_calls(void);
/* Attributes that were saved, of them. */
uint64_t server_saves(void);
/* The way to the server and back: how long it takes and whether it fails. */
int server_travel(const struct call *call);

#endif
