/* SPDX-License-Identifier: MIT */
/* The spellings of an artifact of a registry that the official client takes or prints and that the
 * web pages have (protocol 5.10, 6). Pure. */
#ifndef FS_ARTIFACT_NAME_H
#define FS_ARTIFACT_NAME_H

#include <stdbool.h>

/* NUL-terminated, in one piece of memory; server names without their escapes. */
struct artifact_name {
    char *organization; /* display name or entity; NULL: none is named */
    char *registry;     /* without the prefix */
    char *collection;   /* NULL: the registry itself (the address of its page) */
    char *reference;    /* alias, vN, commit hash or digest; NULL: none is named */
    char *digest;       /* of a reference vN@DIGEST: what the version must have; else NULL */
    char *memory;
};

/*
 * [ORG/]wandb-registry-REGISTRY/COLLECTION[:REFERENCE | :vN@DIGEST], also behind wandb-artifact://
 * or the server's address, or the address of a registry's page. The reference may hold slashes.
 * False: it is none of these, or there is no memory. To be released in either case.
 */
bool artifact_name_parse(const char *source, struct artifact_name *name);
void artifact_name_release(struct artifact_name *name);

/* Takes percent escapes off, in place; with `form` a plus sign is a blank, too. */
void percent_decode(char *text, bool form);

#endif
