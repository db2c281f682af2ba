/* SPDX-License-Identifier: MIT */
/*
 * What a text means as the new value of a registry's attribute or a member's role (design 3:
 * normalising, refusals). Pure: compares with the registry it is given.
 */
#ifndef FS_REGISTRY_TEXT_H
#define FS_REGISTRY_TEXT_H

#include "client.h"
#include "edit.h"

/* What a text asks for. Zeros to begin with; wanted_release() in any case. Not to be moved: the
 * change points into it. */
struct wanted {
    bool nothing;                  /* the registry is so already */
    struct registry_change change; /* of attributes */
    struct text new_name;          /* null: no renaming */
    struct text role;              /* of a member; null: it is not about one */
    /* what `change` points to */
    struct text description;
    struct texts new_types;
    enum registry_visibility visibility;
    bool allow_all;
    char *bytes; /* owned */
};
void wanted_release(struct wanted *wanted);
#define cleanup_wanted cleanup(wanted_release)

/* How one attribute is written. */
struct editing {
    enum commit_point commit;
    bool may_be_empty;
    /* Whether a text that goes on can still become legal. NULL: any beginning can. */
    bool (*is_beginning)(struct text text);
    /* Its complete lines can be refused before the last one is there: shells report what write
     * refuses, not what close does. */
    bool has_lines;
    /* 0, or -1 with the refusal: ERROR_INVALID, ERROR_NAME_TOO_LONG, ERROR_NOT_PERMITTED,
     * ERROR_TOO_LARGE, ERROR_LOCAL. */
    int (*parse)(struct text text, const void *now, struct wanted *wanted, struct error *error);
};

enum { DESCRIPTION_CEILING = 1 << 20, EDIT_CEILING = DESCRIPTION_CEILING + 1 /* end of line */ };

extern const struct editing editing_name, editing_description, editing_visibility,
    editing_allow_all, editing_artifact_types, editing_role;

#endif
