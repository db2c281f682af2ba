/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STRESS_SERVER_H
#define TESTS_STRESS_SERVER_H

#include "client.h"

/* Calls so far. */
uint64_t server_calls(void);

#endif
