/* SPDX-License-Identifier: MIT */
/*
 * What must stand in no message: keys, tokens, passwords, as long as somebody uses them. Every text
 * for people passes message_clean(), which asks here. Any thread; the lock is a leaf.
 */
#ifndef BASE_SECRETS_H
#define BASE_SECRETS_H

#include <stddef.h>

/* Shorter ones are not hidden: they would blank out parts of ordinary words. */
enum { SECRET_LEAST = 6 };

/* Hides this text (copied) until it is forgotten as often as it was remembered. Without memory it
 * is not hidden. */
void secrets_remember(const char *bytes, size_t size);
/* Wipes the copy. */
void secrets_forget(const char *bytes, size_t size);

/* Stars over every secret, in place. */
void secrets_hide(char *text);

#endif
