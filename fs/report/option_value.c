/* SPDX-License-Identifier: MIT */
#include "option_value.h"

#include "client.h"

#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <strings.h>
#include <sys/stat.h>

enum { MILLISECONDS = 1000 };

bool parse_text(const char *text, void *value)
{
    *(const char **)value = text;
    return *text != '\0';
}

/* A decimal number, with a fraction or not, up to *end. False: none; exponents and hexadecimal
 * digits would be taken for units. */
static bool parse_decimal(const char *text, double *number, char **end)
{
    errno = 0;
    *number = strtod(text, end);
    return *end != text && !errno && strspn(text, "0123456789.") == (size_t)(*end - text);
}

/* Seconds, with a unit: "10", "0.5", "10s", "500ms", "5m", "1h", "1d". */
bool parse_duration(const char *text, void *value)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    double number;
    if (!parse_decimal(text, &number, &end))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        *(double *)value = number * units[i].seconds;
        return number * units[i].seconds <= 1e9;
    }
    return false;
}

bool parse_timeout(const char *text, void *value)
{
    double seconds;
    if (!parse_duration(text, &seconds) || seconds <= 0 || seconds > 3600)
        return false;
    *(int *)value = (int)ceil(seconds * MILLISECONDS);
    return true;
}

static bool parse_number(const char *text, int base, unsigned long most, unsigned long *number)
{
    char *end;
    errno = 0;
    *number = strtoul(text, &end, base);
    return end != text && !*end && !errno && *number <= most && text[0] != '-';
}

static bool parse_id(const char *text, void *value)
{
    unsigned long number;
    if (!parse_number(text, 10, UINT32_MAX - 1, &number))
        return false;
    *(uint32_t *)value = (uint32_t)number;
    return true;
}

bool parse_user(const char *text, void *value)
{
    const struct passwd *user = parse_id(text, value) ? NULL : getpwnam(text);
    if (user)
        *(uid_t *)value = user->pw_uid;
    return user || parse_id(text, value);
}

bool parse_group(const char *text, void *value)
{
    const struct group *group = parse_id(text, value) ? NULL : getgrnam(text);
    if (group)
        *(gid_t *)value = group->gr_gid;
    return group || parse_id(text, value);
}

bool parse_umask(const char *text, void *value)
{
    unsigned long number;
    if (!parse_number(text, 8, 0777, &number))
        return false;
    *(mode_t *)value = (mode_t)number;
    return true;
}

bool parse_descriptor(const char *text, void *value)
{
    unsigned long number;
    if (!parse_number(text, 10, 1 << 20, &number))
        return false;
    *(int *)value = (int)number;
    return true;
}

/* Where in `units` the first letter stands; NULL: nowhere. *rest: what follows. */
static const char *take_unit(const char *units, char *text, char **rest)
{
    const char *unit = *text ? strchr(units, *text & ~0x20) : NULL;
    *rest = text + (unit != NULL);
    return unit;
}

/* Bytes with a binary unit: "10G", "10GB", "10GiB". */
bool parse_size(const char *text, void *value)
{
    static const char units[] = "KMGT";
    char *end;
    double number;
    if (!parse_decimal(text, &number, &end))
        return false;
    const char *unit = take_unit(units, end, &end);
    if (*end && strcasecmp(end, "B") != 0 && !(unit && strcasecmp(end, "iB") == 0))
        return false;
    for (const char *step = units; unit && step <= unit; step++)
        number *= 1024;
    if (number >= 9e18)
        return false;
    *(uint64_t *)value = (uint64_t)number;
    return true;
}

static bool parse_choice(const char *text, const char *const *choices, int count, int *choice)
{
    for (*choice = 0; *choice < count; (*choice)++) {
        if (strcmp(text, choices[*choice]) == 0)
            return true;
    }
    return false;
}

bool parse_rmdir(const char *text, void *value)
{
    static const char *const choices[] = {"never", "empty", "any"};
    int choice;
    if (!parse_choice(text, choices, 3, &choice))
        return false;
    *(enum rmdir_policy *)value = (enum rmdir_policy)choice;
    return true;
}

bool parse_verify(const char *text, void *value)
{
    static const char *const choices[] = {"end", "late", "open"};
    int choice;
    if (!parse_choice(text, choices, 3, &choice))
        return false;
    *(enum verify_policy *)value = (enum verify_policy)choice;
    return true;
}

bool parse_passthrough(const char *text, void *value)
{
    static const char *const choices[] = {"auto", "off"};
    int choice;
    if (!parse_choice(text, choices, 2, &choice))
        return false;
    *(enum passthrough_policy *)value = (enum passthrough_policy)choice;
    return true;
}

bool parse_item(const char *text, void *value)
{
    struct option_list *list = value;
    if (!*text || list->count == sizeof list->items / sizeof *list->items)
        return false;
    list->items[list->count++] = text;
    return true;
}

bool parse_jobs(const char *text, void *value)
{
    enum { MOST_JOBS = 64 };
    unsigned long number;
    if (!parse_number(text, 10, MOST_JOBS, &number) || number == 0)
        return false;
    *(unsigned *)value = (unsigned)number;
    return true;
}

bool parse_days(const char *text, void *value)
{
    enum { USUAL_DAYS = 7, MOST_DAYS = 3650 };
    unsigned long number = USUAL_DAYS;
    if (text && (!parse_number(text, 10, MOST_DAYS, &number) || number == 0))
        return false;
    *(int *)value = (int)number;
    return true;
}

bool parse_references(const char *text, void *value)
{
    static const char *const choices[] = {"skip", "fail"};
    int choice;
    if (!parse_choice(text, choices, 2, &choice))
        return false;
    *(bool *)value = choice == 1;
    return true;
}

bool parse_level(const char *text, void *value)
{
    static const char *const choices[] = {"error", "warning", "info", "debug", "err", "warn"};
    int choice;
    if (!parse_choice(text, choices, 6, &choice))
        return false;
    *(enum client_log_level *)value = (enum client_log_level)(choice % 4);
    return true;
}
