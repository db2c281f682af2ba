/* SPDX-License-Identifier: MIT */
/* Asks the server for its features (protocol 5.6). */
#ifndef CLIENT_SERVER_FEATURES_H
#define CLIENT_SERVER_FEATURES_H

#include "call.h"
#include "feature_list.h"

/* 0 when the server has the feature; the list is asked for again before that is denied, since a
 * server can be upgraded. -1: ERROR_NOT_PERMITTED, or the request failed. */
int features_require(struct client *client, struct call *call, enum feature feature);

#endif
