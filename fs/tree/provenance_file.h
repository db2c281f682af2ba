/* SPDX-License-Identifier: MIT */
/*
 * What is known of a file in the lineage/ of a version (provenance.h). Needs nodes->lock unless it
 * says otherwise.
 */
#ifndef FS_PROVENANCE_FILE_H
#define FS_PROVENANCE_FILE_H

#include "inode/filesystem.h"
#include "inode/listing.h"

enum provenance_source { FROM_LINEAGE, FROM_MANIFEST, SOURCES };
enum { LOGGED_BY, USED_BY, LINKED, MANIFEST, SUMS, FILES };

enum provenance_state {
    UNKNOWN,
    ABSENT,
    MEASURED, /* the size is known; the text was given up */
    WHOLE,
};

/* The object of a file's node. */
struct provenance {
    struct object object;
    struct text artifact; /* id: a version may come to stand for another one */
    struct text text;
    int64_t size;
    enum provenance_state state;
};

struct provenance_row {
    const char *name;
    enum provenance_source source;
};
extern const struct provenance_row provenance_rows[FILES];

/* The row of a file. */
unsigned provenance_number(const struct node *file);
/* A copy, NULL: no memory. Takes no lock. */
struct provenance *provenance_pack(const struct provenance *borrowed);
/* What is known of the file and of the version that it is of; NULL: nothing. */
const struct provenance *provenance_known(const struct node *file);
/* Whether the server knows of no such files. */
bool provenance_server_lacks(const struct filesystem *fs, unsigned number);
/* For how long what is known is fresh. */
int64_t provenance_nanoseconds_left(const struct filesystem *fs, const struct node *file);
/* Whether it is known that there is no such text. */
bool provenance_is_absent(struct filesystem *fs, const struct node *file);
/* Seconds for which the kernel may keep the attributes of a file; 0: ask again. */
double provenance_seconds_left(const struct filesystem *fs, const struct node *file);

/* The names in the place, with a reference, where it has none, or none since it was forgotten;
 * NULL: it has them, or no memory. */
struct listing *provenance_names(struct filesystem *fs, struct place place);
/* At the end of the mount. */
void provenance_release(struct filesystem *fs);

/* Of a file's object; any thread. */
int64_t provenance_size(const void *object);
struct text provenance_text(const void *object);

#endif
