/* SPDX-License-Identifier: MIT */
#include "provenance_file.h"

#include "base/clock.h"
#include "fresh.h"

const struct provenance_row provenance_rows[FILES] = {
    [LOGGED_BY] = {"logged_by", FROM_LINEAGE}, [USED_BY] = {"used_by", FROM_LINEAGE},
    [LINKED] = {"linked", FROM_LINEAGE},       [MANIFEST] = {"manifest.json", FROM_MANIFEST},
    [SUMS] = {"MD5SUMS", FROM_MANIFEST},
};

#define AT(member) (int)offsetof(struct provenance, member)

static const struct object_layout layout = {
    .size = sizeof(struct provenance),
    .texts = (const int[]){AT(artifact), AT(text), -1},
    .text_lists = (const int[]){-1},
};

struct provenance *provenance_pack(const struct provenance *borrowed)
{
    return object_pack(borrowed, &layout);
}

static const struct provenance nothing = {.state = UNKNOWN};

int64_t provenance_size(const void *object)
{
    return ((const struct provenance *)object)->size;
}

struct text provenance_text(const void *object)
{
    return ((const struct provenance *)object)->text;
}

unsigned provenance_number(const struct node *file)
{
    unsigned number = 0;
    while (number < FILES - 1 && strcmp(provenance_rows[number].name, file->name) != 0)
        number++;
    return number;
}

/* All versions share the names: what each has of its own comes with a look at a file. */
static struct listing *new_names(int64_t now)
{
    struct listing *names = listing_new(now);
    cleanup_object struct provenance *unknown = provenance_pack(&nothing);
    bool good = names && unknown;
    for (unsigned i = 0; good && i < FILES; i++)
        good = listing_add_named(names, provenance_rows[i].name, unknown);
    if (good) {
        names->completed = now;
        return names;
    }
    listing_unref(names);
    return NULL;
}

struct listing *provenance_names(struct filesystem *fs, struct place place)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    struct listing *names = facet ? facet->listing : NULL;
    if (names && !fresh_is_forgotten(place.node, place.member, names->fetched))
        return NULL;
    names = fs->provenance_names;
    if (!names || fresh_is_forgotten(place.node, place.member, names->fetched)) {
        listing_unref(names);
        fs->provenance_names = names = new_names(clock_nanoseconds());
    }
    return listing_ref(names);
}

void provenance_release(struct filesystem *fs)
{
    listing_unref(fs->provenance_names);
    fs->provenance_names = NULL;
}

bool provenance_server_lacks(const struct filesystem *fs, unsigned number)
{
    return fs->provenance_lacking & (1U << number);
}

const struct provenance *provenance_known(const struct node *file)
{
    const struct provenance *object = file->object;
    const struct version *version = file->parent->object;
    bool known = object && object->state != UNKNOWN && text_equal(object->artifact, version->id);
    return known ? object : NULL;
}

int64_t provenance_nanoseconds_left(const struct filesystem *fs, const struct node *file)
{
    const struct provenance *known = provenance_known(file);
    if (!known || fresh_is_forgotten(file->parent, file->member, file->fetched))
        return 0;
    if (provenance_rows[provenance_number(file)].source == FROM_MANIFEST && known->state != ABSENT)
        return IMMUTABLE_SECONDS * CLOCK_SECOND;
    int64_t left = file->fetched + fresh_time_to_live(fs) - clock_nanoseconds();
    return left > 0 ? left : 0;
}

bool provenance_is_absent(struct filesystem *fs, const struct node *file)
{
    const struct provenance *known = provenance_known(file);
    return provenance_server_lacks(fs, provenance_number(file)) ||
           (known && known->state == ABSENT && provenance_nanoseconds_left(fs, file) > 0);
}

double provenance_seconds_left(const struct filesystem *fs, const struct node *file)
{
    const struct provenance *known = provenance_known(file);
    return known && known->state != ABSENT ? (double)provenance_nanoseconds_left(fs, file) / 1e9
                                           : 0;
}
