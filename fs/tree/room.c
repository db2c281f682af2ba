/* SPDX-License-Identifier: MIT */
#include "room.h"

#include "base/clock.h"
#include "report/hash.h"

/* Long enough for cp -b and for programs that remove a file and create it again; short enough that
 * rm looks like the mistake that it is. */
static const int64_t HIDDEN_NANOSECONDS = 2 * CLOCK_SECOND;

/* Long enough for the kernel and for readers of before to be done with the old text. */
static const int64_t EDITED_NANOSECONDS = 10 * CLOCK_SECOND;

static void free_room(void *own)
{
    struct room *room = own;
    for (struct attribute *attribute = room->attributes, *next; attribute; attribute = next) {
        next = attribute->next;
        free(attribute->error);
        object_unref(attribute->saved);
        free(attribute);
    }
    free(room);
}

struct room *room_find(const struct node *node)
{
    const struct facet *facet = node->kind == NODE_REGISTRY || node->kind == NODE_ROLE
                                    ? node_find_facet(node, MEMBER_SELF)
                                    : NULL;
    return facet ? facet->own : NULL;
}

struct room *room_of(struct filesystem *fs, struct node *registry)
{
    struct room *room = room_find(registry);
    if (room)
        return room;
    struct facet *facet = node_facet(registry, MEMBER_SELF);
    room = facet ? calloc(1, sizeof *room) : NULL;
    if (!room)
        return NULL;
    facet->own = room;
    facet->free_own = free_room;
    node_hold(&fs->nodes, registry);
    return room;
}

struct attribute *room_find_attribute(struct place place)
{
    struct room *room = room_find(place.node);
    struct attribute *attribute = room ? room->attributes : NULL;
    while (attribute && attribute->member != place.member)
        attribute = attribute->next;
    return attribute;
}

struct attribute *room_attribute(struct filesystem *fs, struct place place)
{
    struct room *room = room_of(fs, place.node);
    struct attribute *attribute = room_find_attribute(place);
    if (!room || attribute)
        return attribute;
    attribute = calloc(1, sizeof *attribute);
    if (!attribute)
        return NULL;
    attribute->member = place.member;
    attribute->next = room->attributes;
    room->attributes = attribute;
    return attribute;
}

const void *room_base(struct place place, const void *base, unsigned saves)
{
    const struct attribute *attribute = room_find_attribute(place);
    return attribute && attribute->saved && attribute->saved_at > saves ? attribute->saved : base;
}

unsigned room_saves(const struct node *registry)
{
    const struct room *room = room_find(registry);
    return room ? room->saves : 0;
}

void room_note_save(struct filesystem *fs, struct place place, const void *saved)
{
    struct room *room = room_of(fs, place.node);
    struct attribute *attribute = room ? room_attribute(fs, place) : NULL;
    if (!room)
        return;
    room->saves++;
    if (!attribute)
        return;
    object_unref(attribute->saved);
    attribute->saved = object_ref(saved);
    attribute->saved_at = room->saves;
    attribute->edited = clock_nanoseconds();
}

void room_add_writer(struct filesystem *fs, struct place place)
{
    struct attribute *attribute = room_attribute(fs, place);
    if (attribute)
        attribute->writers++;
}

void room_remove_writer(struct place place)
{
    struct attribute *attribute = room_find_attribute(place);
    if (!attribute || !attribute->writers)
        return;
    attribute->writers--;
    attribute->edited = clock_nanoseconds();
}

bool room_is_edited(struct place place)
{
    const struct attribute *attribute = room_find_attribute(place);
    return attribute &&
           (attribute->writers ||
            (attribute->edited && clock_nanoseconds() - attribute->edited < EDITED_NANOSECONDS));
}

bool room_hide(struct filesystem *fs, struct place place)
{
    struct attribute *attribute = room_attribute(fs, place);
    if (attribute)
        attribute->hidden_until = clock_nanoseconds() + HIDDEN_NANOSECONDS;
    return attribute != NULL;
}

void room_unhide(struct place place)
{
    struct attribute *attribute = room_find_attribute(place);
    if (attribute)
        attribute->hidden_until = 0;
}

bool room_hides(struct place place)
{
    const struct attribute *attribute = room_find_attribute(place);
    return attribute && attribute->hidden_until && clock_nanoseconds() < attribute->hidden_until;
}

static uint64_t hash_of(const struct buf *text)
{
    return hash_bytes(0, text->data, text->size);
}

void room_disguise(struct filesystem *fs, struct place place, const struct stat *as,
                   const struct buf *text)
{
    struct attribute *attribute = room_attribute(fs, place);
    if (!attribute)
        return;
    attribute->disguised = true;
    attribute->inode_number = as->st_ino;
    attribute->modified = as->st_mtim;
    attribute->text_hash = hash_of(text);
}

void room_undisguise(struct place place)
{
    struct attribute *attribute = room_find_attribute(place);
    if (attribute)
        attribute->disguised = false;
}

void room_adjust_stat(struct place place, const struct buf *text, struct stat *out)
{
    const struct attribute *attribute = room_find_attribute(place);
    if (!attribute || !attribute->disguised || attribute->text_hash != hash_of(text))
        return;
    out->st_ino = attribute->inode_number;
    out->st_atim = out->st_mtim = out->st_ctim = attribute->modified;
}
