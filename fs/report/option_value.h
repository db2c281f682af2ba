/* SPDX-License-Identifier: MIT */
/* What the values of options mean (design 1). Each reads a text into the member of struct options
 * that the table names; false: it is no such value. Pure, but for names of users and groups. */
#ifndef FS_OPTION_VALUE_H
#define FS_OPTION_VALUE_H

#include <stdbool.h>

enum verify_policy { VERIFY_END, VERIFY_LATE, VERIFY_OPEN };
enum passthrough_policy { PASSTHROUGH_AUTO, PASSTHROUGH_OFF };
enum rmdir_policy { RMDIR_NEVER, RMDIR_EMPTY, RMDIR_ANY };

/* The values of an option that can be given more than once. */
struct option_list {
    const char *items[64];
    unsigned count;
};

bool parse_text(const char *text, void *value);
bool parse_duration(const char *text, void *value); /* seconds, as a double */
bool parse_timeout(const char *text, void *value);  /* milliseconds, as an int */
bool parse_size(const char *text, void *value);
bool parse_user(const char *text, void *value);
bool parse_group(const char *text, void *value);
bool parse_umask(const char *text, void *value);
bool parse_descriptor(const char *text, void *value);
bool parse_rmdir(const char *text, void *value);
bool parse_verify(const char *text, void *value);
bool parse_passthrough(const char *text, void *value);
bool parse_item(const char *text, void *value); /* adds to a struct option_list */
bool parse_jobs(const char *text, void *value);
bool parse_days(const char *text, void *value); /* NULL: 7 */
bool parse_references(const char *text, void *value);
bool parse_level(const char *text, void *value);

#endif
