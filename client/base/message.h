/* SPDX-License-Identifier: MIT */
/*
 * The one way by which texts that may hold anything become texts for people: errors, logs, status.
 * Secrets and the user information of URLs are blanked out; line breaks and tabs become blanks;
 * other control characters (C0, DEL, C1, bytes that are no UTF-8) are shown as \x1b or \u009b, so
 * that no terminal obeys them. What has passed once passes again unchanged.
 */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include "buf.h"

/* In place; `size` is the room, beyond which the text is cut between two characters. */
void message_clean(char *text, size_t size);

/* Appends the cleaned text. False: no memory or over the ceiling. */
bool message_append(struct buf *out, const char *text);

#endif
