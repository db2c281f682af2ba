/* SPDX-License-Identifier: MIT */
#include "provenance.h"

#include "base/clock.h"
#include "checksum_list.h"
#include "content.h"
#include "derived.h"
#include "directory.h"
#include "kernel_cache.h"
#include "member.h"
#include "refresh.h"
#include "report/options.h"
#include "stat.h"

#include <errno.h>

enum {
    PATH_SIZE = 1024,
    SUMS_CEILING = 256 << 20,
    TEXTS_KEPT = 64 << 20, /* bytes of manifests and what is made of them, of all versions */
};

/* What one call works on. */
struct work {
    struct filesystem *fs;
    struct node *node;               /* the version's; held by the call, or found under the lock */
    struct version *version;         /* a reference */
    struct provenance *found[FILES]; /* references; NULL: not asked for */
    char path[PATH_SIZE];
    int64_t asked;
};

static void begin(struct work *work, struct fetch *fetch, struct call *call)
{
    struct nodes *nodes = &fetch->fs->nodes;
    work->fs = fetch->fs;
    work->node = fetch->node;
    pthread_mutex_lock(&nodes->lock);
    work->version = object_ref(fetch->node->object);
    place_path((struct place){fetch->node, fetch->member}, work->path, sizeof work->path);
    pthread_mutex_unlock(&nodes->lock);
    work->asked = clock_nanoseconds();
    call->deadline = fetch->created / 1000000 + fetch->fs->options->timeout_ms;
}

static bool found(struct work *work, unsigned number, enum provenance_state state,
                  const struct buf *text)
{
    const struct provenance borrowed = {
        .artifact = work->version->id,
        .text = {text ? text->data : NULL, text ? text->size : 0},
        .size = text ? (int64_t)text->size : 0,
        .state = state,
    };
    work->found[number] = provenance_pack(&borrowed);
    return work->found[number];
}

static bool found_absent(struct work *work, enum provenance_source source)
{
    bool good = true;
    for (unsigned i = 0; good && i < FILES; i++)
        good = provenance_rows[i].source != source || found(work, i, ABSENT, NULL);
    return good;
}

/* Manifests may be large: when all of them take too much, all but the newest are given up. What
 * their sizes are stays known. */
static void give_up_texts(struct filesystem *fs, const struct node *version)
{
    struct nodes *nodes = &fs->nodes;
    for (size_t bucket = 0; bucket < nodes->bucket_count; bucket++) {
        for (struct node *node = nodes->buckets[bucket]; node; node = node->next_in_bucket) {
            struct provenance *whole = node->kind == NODE_PROVENANCE ? node->object : NULL;
            if (!whole || whole->state != WHOLE || node->parent == version ||
                provenance_rows[provenance_number(node)].source != FROM_MANIFEST)
                continue;
            struct provenance measured = *whole;
            measured.state = MEASURED;
            measured.text = (struct text){0};
            void *object = provenance_pack(&measured);
            if (!object)
                continue;
            node->object = object; /* of the same text: what the kernel has of it stays good */
            object_unref(whole);
        }
    }
}

static void count_kept(struct filesystem *fs, const struct node *version, int64_t size)
{
    fs->provenance_kept += (size_t)size;
    if (fs->provenance_kept <= TEXTS_KEPT)
        return;
    give_up_texts(fs, version);
    fs->provenance_kept = (size_t)size;
}

static bool is_same(const struct provenance *a, const struct provenance *b)
{
    return a && a->state == b->state && text_equal(a->artifact, b->artifact) &&
           text_equal(a->text, b->text);
}

static void put(struct work *work, unsigned number)
{
    struct filesystem *fs = work->fs;
    struct place place = {work->node, MEMBER_LINEAGE};
    const struct directory *row = directory_of(place);
    const char *name = provenance_rows[number].name;
    struct provenance *object = work->found[number];
    struct node *old = node_find(&fs->nodes, place.node, place.member, name);
    bool same = old && is_same(old->object, object);
    bool told = old && old->lookups && !same && provenance_seconds_left(fs, old) > 0;
    struct node *node =
        node_install(&fs->nodes, place, row->child, name, same ? old->object : object,
                     directory_identity(row, name, object), work->asked);
    if (told)
        kernel_cache_forget_attributes(fs, node);
    if (node && provenance_rows[number].source == FROM_MANIFEST && !same)
        count_kept(fs, place.node, object->size);
}

/* Puts what was found in place; a listing that the kernel has may name what is not there. Needs
 * nodes->lock. */
static void install(struct work *work)
{
    const struct version *version = work->node->object;
    bool same = text_equal(version->id, work->version->id);
    for (unsigned i = 0; same && i < FILES; i++) {
        struct facet *facet = node_facet(work->node, MEMBER_LINEAGE);
        if (work->found[i])
            put(work, i);
        if (facet && work->found[i] && work->found[i]->state == ABSENT)
            facet->shown = 0;
    }
}

static void work_release(struct work *work)
{
    for (unsigned i = 0; i < FILES; i++)
        object_unref(work->found[i]);
    object_unref(work->version);
}

static int end(struct work *work, struct fetch *fetch, int result)
{
    pthread_mutex_lock(&work->fs->nodes.lock);
    if (result == 0)
        install(work);
    pthread_mutex_unlock(&work->fs->nodes.lock);
    work_release(work);
    return result == 0 ? 0 : refresh_failed(fetch, work->path);
}

static bool add_line(struct buf *text, struct text item)
{
    return item.size == 0 || (member_append_shown(text, item) && buf_putc(text, '\n'));
}

static bool found_lines(struct work *work, unsigned number, const struct texts *items, bool lacking)
{
    cleanup_buf struct buf text;
    buf_init(&text, TEXT_CEILING);
    for (size_t i = 0; i < items->count; i++) {
        if (!add_line(&text, items->items[i]))
            return false;
    }
    return found(work, number, lacking ? ABSENT : WHOLE, &text);
}

static void note_lacking(struct filesystem *fs, const struct artifact_lineage *lineage)
{
    unsigned lacking = (lineage->lacks_logged_by ? 1U << LOGGED_BY : 0) |
                       (lineage->lacks_used_by ? 1U << USED_BY : 0) |
                       (lineage->lacks_linked ? 1U << LINKED : 0);
    pthread_mutex_lock(&fs->nodes.lock);
    fs->provenance_lacking |= lacking;
    pthread_mutex_unlock(&fs->nodes.lock);
}

static bool found_lineage(struct work *work, const struct artifact_lineage *lineage)
{
    const struct texts maker = {&lineage->logged_by, 1};
    note_lacking(work->fs, lineage);
    return found_lines(work, LOGGED_BY, &maker, lineage->lacks_logged_by) &&
           found_lines(work, USED_BY, &lineage->used_by, lineage->lacks_used_by) &&
           found_lines(work, LINKED, &lineage->linked, lineage->lacks_linked);
}

static int ask_lineage(struct work *work, struct call *call)
{
    cleanup_object struct artifact_lineage *lineage = NULL;
    int result = client_get_lineage(work->fs->client, call, work->version, &lineage);
    if (result != 0 && call->error->kind == ERROR_NOT_FOUND)
        error_clear(call->error);
    else if (result != 0)
        return -1;
    bool good = lineage ? found_lineage(work, lineage) : found_absent(work, FROM_LINEAGE);
    return good ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

static int run_lineage(struct fetch *fetch, struct call *call)
{
    struct work work = {0};
    begin(&work, fetch, call);
    return end(&work, fetch, ask_lineage(&work, call));
}

void provenance_install(struct filesystem *fs, struct node *collection,
                        const struct artifact_lineage *lineage, int64_t asked)
{
    struct work work = {.fs = fs, .asked = asked};
    char name[32];
    snprintf(name, sizeof name, "v%lld", (long long)lineage->index);
    pthread_mutex_lock(&fs->nodes.lock);
    work.node = derived_entry(fs, (struct place){collection, MEMBER_VERSIONS}, name);
    if (work.node)
        node_hold(&fs->nodes, work.node);
    if (work.node)
        work.version = object_ref(work.node->object);
    pthread_mutex_unlock(&fs->nodes.lock);
    if (!work.node)
        return;
    bool good = text_equal(work.version->id, lineage->artifact) && found_lineage(&work, lineage);
    pthread_mutex_lock(&fs->nodes.lock);
    if (good)
        install(&work);
    node_drop(&fs->nodes, work.node);
    pthread_mutex_unlock(&fs->nodes.lock);
    work_release(&work);
}

static int ask_manifest(struct work *work, struct call *call)
{
    cleanup_object_list struct object_list listed = {0};
    cleanup_buf struct buf manifest = {0};
    cleanup_buf struct buf sums;
    struct client *client = work->fs->client;
    buf_init(&sums, SUMS_CEILING);
    int result = client_read_manifest(client, call, work->version, &manifest, &listed);
    bool absent = result != 0 && call->error->kind == ERROR_NOT_FOUND;
    if (absent)
        error_clear(call->error);
    else if (result != 0)
        return -1;
    bool good = absent ? found_absent(work, FROM_MANIFEST)
                       : checksum_list_write(&listed, &sums) &&
                             found(work, MANIFEST, WHOLE, &manifest) &&
                             found(work, SUMS, WHOLE, &sums);
    return good ? 0 : error_set(call->error, ERROR_LOCAL, "out of memory");
}

static int run_manifest(struct fetch *fetch, struct call *call)
{
    struct work work = {0};
    begin(&work, fetch, call);
    return end(&work, fetch, ask_manifest(&work, call));
}

const struct fetch_type refresh_lineage = {
    .operation = "read lineage", .kind = CALL_LISTING, .run = run_lineage};
const struct fetch_type refresh_manifest = {
    .operation = "read manifest", .kind = CALL_LISTING, .run = run_manifest};
