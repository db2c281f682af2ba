/* SPDX-License-Identifier: MIT */
#include "provenance.h"

#include "base/clock.h"
#include "checksum_list.h"
#include "content.h"
#include "file_tree.h"
#include "kernel_cache.h"
#include "member.h"
#include "provenance_walk.h"
#include "refresh.h"
#include "report/options.h"
#include "stat.h"

#include <errno.h>

enum {
    PATH_SIZE = 1024,
    IMMUTABLE_SECONDS = 3600, /* for which the kernel may keep what cannot change */
    SUMS_CEILING = 256 << 20,
    TEXTS_KEPT = 64 << 20, /* bytes of manifests and what is made of them, of all versions */
};

static const int64_t SECOND = 1000000000;

enum source { FROM_LINEAGE, FROM_MANIFEST, SOURCES };
enum { LOGGED_BY, USED_BY, LINKED, MANIFEST, SUMS, FILES };

static const struct {
    const char *name;
    enum source source;
} files[FILES] = {
    [LOGGED_BY] = {"logged_by", FROM_LINEAGE}, [USED_BY] = {"used_by", FROM_LINEAGE},
    [LINKED] = {"linked", FROM_LINEAGE},       [MANIFEST] = {"manifest.json", FROM_MANIFEST},
    [SUMS] = {"MD5SUMS", FROM_MANIFEST},
};

enum state {
    UNKNOWN,
    ABSENT,
    MEASURED, /* the size is known; the text was given up */
    WHOLE,
};

/* What is known of a file. */
struct provenance {
    struct object object;
    struct text artifact; /* id: a version may come to stand for another one */
    struct text text;
    int64_t size;
    enum state state;
};

#define AT(member) (int)offsetof(struct provenance, member)

static const struct object_layout layout = {
    .size = sizeof(struct provenance),
    .texts = (const int[]){AT(artifact), AT(text), -1},
    .text_lists = (const int[]){-1},
};

static const struct provenance nothing = {.state = UNKNOWN};

int64_t provenance_size(const void *object)
{
    return ((const struct provenance *)object)->size;
}

struct text provenance_text(const void *object)
{
    return ((const struct provenance *)object)->text;
}

static unsigned number_of(const struct node *file)
{
    unsigned number = 0;
    while (number < FILES - 1 && strcmp(files[number].name, file->name) != 0)
        number++;
    return number;
}

/* --- names --- */

/* All versions share the names: what each has of its own comes with a look at a file. */
static struct listing *new_names(int64_t now)
{
    struct listing *names = listing_new(now);
    cleanup_object struct provenance *unknown = object_pack(&nothing, &layout);
    bool good = names && unknown;
    for (unsigned i = 0; good && i < FILES; i++)
        good = listing_add_named(names, files[i].name, unknown);
    if (good) {
        names->completed = now;
        return names;
    }
    listing_unref(names);
    return NULL;
}

void provenance_name(struct filesystem *fs, struct place place)
{
    const struct facet *facet = node_find_facet(place.node, place.member);
    struct listing *names = facet ? facet->listing : NULL;
    if (names && !ready_is_forgotten(place.node, place.member, names->fetched))
        return;
    names = fs->provenance_names;
    if (!names || ready_is_forgotten(place.node, place.member, names->fetched)) {
        listing_unref(names);
        fs->provenance_names = names = new_names(clock_nanoseconds());
    }
    if (names)
        refresh_install(fs, place, listing_ref(names));
}

void provenance_release(struct filesystem *fs)
{
    listing_unref(fs->provenance_names);
    fs->provenance_names = NULL;
}

/* --- is it known? --- */

static bool server_lacks(const struct filesystem *fs, unsigned number)
{
    return fs->provenance_lacking & (1U << number);
}

static const struct provenance *known_of(const struct node *file)
{
    const struct provenance *object = file->object;
    const struct version *version = file->parent->object;
    bool known = object && object->state != UNKNOWN && text_equal(object->artifact, version->id);
    return known ? object : NULL;
}

static int64_t nanoseconds_left(const struct filesystem *fs, const struct node *file)
{
    const struct provenance *known = known_of(file);
    if (!known || ready_is_forgotten(file->parent, file->member, file->fetched))
        return 0;
    if (files[number_of(file)].source == FROM_MANIFEST && known->state != ABSENT)
        return IMMUTABLE_SECONDS * SECOND;
    int64_t left = file->fetched + ready_time_to_live(fs) - clock_nanoseconds();
    return left > 0 ? left : 0;
}

bool provenance_is_absent(struct filesystem *fs, const struct node *file)
{
    const struct provenance *known = known_of(file);
    return server_lacks(fs, number_of(file)) ||
           (known && known->state == ABSENT && nanoseconds_left(fs, file) > 0);
}

double provenance_seconds_left(const struct filesystem *fs, const struct node *file)
{
    const struct provenance *known = known_of(file);
    return known && known->state != ABSENT ? (double)nanoseconds_left(fs, file) / 1e9 : 0;
}

static const struct fetch_type refresh_lineage, refresh_manifest;

/* By a page where many versions are looked at, else for this file and those that come with it. */
static enum readiness ask(struct request *request, const struct node *file, bool have,
                          int *error_number)
{
    struct place version = {file->parent, file->member};
    struct place collection = {file->parent->parent, file->member};
    if (files[number_of(file)].source == FROM_MANIFEST)
        return ready_by_call(request, version, have, &refresh_manifest, error_number);
    if (!have && provenance_page_helps(request, file->parent))
        return ready_by_call(request, collection, have, &refresh_lineages, error_number);
    return ready_by_call(request, version, have, &refresh_lineage, error_number);
}

enum readiness provenance_ready(struct request *request, struct node *file, bool to_read,
                                int *error_number)
{
    const struct provenance *known = known_of(file);
    bool gone = file->gone || file->parent->gone;
    bool enough = known && (known->state != MEASURED || !to_read);
    bool answered = known && file->fetched >= request->started;
    *error_number = gone ? ESTALE : ENOENT;
    if (gone || server_lacks(request->fs, number_of(file)))
        return FAILED;
    if (enough && (answered || nanoseconds_left(request->fs, file) > 0))
        return known->state == ABSENT ? FAILED : READY;
    return ask(request, file, enough && known->state != ABSENT, error_number);
}

/* --- asking --- */

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

static bool found(struct work *work, unsigned number, enum state state, const struct buf *text)
{
    const struct provenance borrowed = {
        .artifact = work->version->id,
        .text = {text ? text->data : NULL, text ? text->size : 0},
        .size = text ? (int64_t)text->size : 0,
        .state = state,
    };
    work->found[number] = object_pack(&borrowed, &layout);
    return work->found[number];
}

static bool found_absent(struct work *work, enum source source)
{
    bool good = true;
    for (unsigned i = 0; good && i < FILES; i++)
        good = files[i].source != source || found(work, i, ABSENT, NULL);
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
                files[number_of(node)].source != FROM_MANIFEST)
                continue;
            struct provenance measured = *whole;
            measured.state = MEASURED;
            measured.text = (struct text){0};
            void *object = object_pack(&measured, &layout);
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
    const char *name = files[number].name;
    struct provenance *object = work->found[number];
    struct node *old = node_find(&fs->nodes, place.node, place.member, name);
    bool same = old && is_same(old->object, object);
    bool told = old && old->lookups && !same && provenance_seconds_left(fs, old) > 0;
    struct node *node =
        node_install(&fs->nodes, place, row->child, name, same ? old->object : object,
                     directory_identity(row, name, object), work->asked);
    if (told)
        kernel_cache_forget_attributes(fs, node);
    if (node && files[number].source == FROM_MANIFEST && !same)
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
    work.node = ready_known_entry(fs, (struct place){collection, MEMBER_VERSIONS}, name);
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

static const struct fetch_type refresh_lineage = {
    .operation = "read lineage", .kind = CALL_LISTING, .run = run_lineage};
static const struct fetch_type refresh_manifest = {
    .operation = "read manifest", .kind = CALL_LISTING, .run = run_manifest};
