/* SPDX-License-Identifier: MIT */
/* The content proxies, each member with how it is, as the texts of status.h. */
#ifndef FS_STATUS_PROXIES_H
#define FS_STATUS_PROXIES_H

#include "client.h"
#include "status_text.h"

/* Appends what each format says of them: of JSON the array alone. */
void status_put_proxies(struct buf *text, enum status_format format, const struct client *client);

#endif
