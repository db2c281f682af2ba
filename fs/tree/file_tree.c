/* SPDX-License-Identifier: MIT */
#include "file_tree.h"

#include "base/clock.h"
#include "content.h"
#include "report/options.h"

enum {
    MOST_FILES = 1 << 20,
    FEW_FILES = 1000,    /* come with one request, whether all are wanted or one */
    MANY_SINGLES = 8,    /* files asked for one by one before the rest is listed, too */
    FILES_KEPT = 200000, /* in the listings of all versions, about */
};

#define AT(member) (int)offsetof(struct artifact_file, member)

static const struct object_layout folder_layout = {
    .size = sizeof(struct artifact_file),
    .texts = (const int[]){AT(path), -1},
    .text_lists = (const int[]){-1},
};

static int compare_paths(const void *a, const void *b)
{
    const struct artifact_file *left = *(void *const *)a, *right = *(void *const *)b;
    return text_compare(left->path, right->path);
}

/* First file whose path is not before `path`. */
static size_t first_at(const struct object_list *files, struct text path)
{
    size_t low = 0, high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct artifact_file *file = files->items[middle];
        if (text_compare(file->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether the file lies below the folder. */
static bool is_below(const struct artifact_file *file, struct text folder)
{
    return file->path.size > folder.size + 1 && file->path.bytes[folder.size] == '/' &&
           memcmp(file->path.bytes, folder.bytes, folder.size) == 0;
}

/* "a" sorts before "a-b" and that before "a/b". */
bool file_tree_has_folder_at(const struct object_list *files, size_t i)
{
    struct text path = ((const struct artifact_file *)files->items[i])->path;
    cleanup_free char *folder = malloc(path.size + 1);
    if (!folder)
        return false;
    memcpy(folder, path.bytes, path.size);
    folder[path.size] = '/';
    size_t next = first_at(files, (struct text){folder, path.size + 1});
    return next < files->count && is_below(files->items[next], path);
}

/* Files that are in the place of a folder are left out: the folder stays. False: no memory. */
static bool leave_out_clashes(struct filesystem *fs, const struct lineage *lineage,
                              struct object_list *files)
{
    size_t kept = 0;
    cleanup_free bool *out = calloc(files->count + 1, sizeof *out);
    if (!out)
        return false;
    for (size_t i = 0; i < files->count; i++)
        out[i] = file_tree_has_folder_at(files, i);
    for (size_t i = 0; i < files->count; i++) {
        struct artifact_file *file = files->items[i];
        if (!out[i]) {
            files->items[kept++] = file;
            continue;
        }
        char path[1024];
        snprintf(path, sizeof path, "%s/%s/%s:v%lld/%s", lineage->organization->name.bytes,
                 lineage->registry->name.bytes, lineage->version->collection.bytes,
                 (long long)lineage->version->index, file->path.bytes);
        journal_add(fs->journal, "list files", path, ERROR_EXISTS,
                    "a file where a folder must be is left out");
        object_unref(file);
    }
    files->count = kept;
    return true;
}

bool file_tree_arrange(struct filesystem *fs, const struct lineage *lineage,
                       struct object_list *files)
{
    if (files->count > 0)
        qsort(files->items, files->count, sizeof *files->items, compare_paths);
    return leave_out_clashes(fs, lineage, files);
}

int file_tree_list(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                   struct page *page, struct object_list *found)
{
    cleanup_file_pages struct file_pages pages = {0};
    while (!pages.page.done) {
        if (found->count > MOST_FILES)
            return error_set(call->error, ERROR_TOO_LARGE, "more than %d files", MOST_FILES);
        if (client_list_files(fs->client, call, lineage->version, &pages, found) < 0)
            return -1;
        call->deadline = clock_milliseconds() + fs->options->timeout_ms;
    }
    page_release(page);
    return file_tree_arrange(fs, lineage, found)
               ? 0
               : error_set(call->error, ERROR_LOCAL, "out of memory");
}

int file_tree_find(struct filesystem *fs, struct call *call, const struct lineage *lineage,
                   struct text name, void **object, struct object_list *below)
{
    (void)below;
    if (memchr(name.bytes, '/', name.size))
        return error_set(call->error, ERROR_NOT_FOUND, "no file has this name");
    return client_get_file(fs->client, call, lineage->version, name,
                           (struct artifact_file **)object);
}

static const struct artifact_file *last_of(const struct listing *listing)
{
    return listing->count ? listing->entries[listing->count - 1].object : NULL;
}

/* Adds a file's entry in the directory that has `depth` bytes of its path: the file, or the folder
 * that leads to it. Files come ordered by path, so those of one folder come together. */
static bool add_below(struct listing *listing, struct artifact_file *file, size_t depth,
                      bool *duplicate)
{
    struct text rest = {file->path.bytes + depth, file->path.size - depth};
    const char *slash = memchr(rest.bytes, '/', rest.size);
    if (!slash)
        return listing_add(listing, rest, file, duplicate);
    const struct artifact_file *last = last_of(listing);
    struct artifact_file draft = {
        .path = {file->path.bytes, (size_t)(slash - file->path.bytes)},
        .is_folder = true,
    };
    if (last && last->is_folder && text_equal(last->path, draft.path))
        return true;
    cleanup_object struct artifact_file *folder = object_pack(&draft, &folder_layout);
    rest.size = (size_t)(slash - rest.bytes);
    return folder && listing_add(listing, rest, folder, duplicate);
}

bool file_tree_add(struct listing *listing, const struct lineage *lineage, const void *object,
                   bool *duplicate)
{
    (void)lineage;
    *duplicate = false;
    return object_list_steal(&listing->below, object_ref(object)) &&
           add_below(listing, (struct artifact_file *)(uintptr_t)object, 0, duplicate);
}

struct listing *file_tree_below(const struct listing *files, const void *folder)
{
    struct text path = ((const struct artifact_file *)folder)->path;
    struct listing *listing = listing_new(files->fetched);
    bool duplicate, good = listing != NULL;
    /* "folder/" sorts behind "folder.txt", which is not in it. */
    for (size_t i = first_at(&files->below, path); good && i < files->below.count; i++) {
        struct artifact_file *file = files->below.items[i];
        if (is_below(file, path))
            good = add_below(listing, file, path.size + 1, &duplicate);
        else if (file->path.size > path.size && (unsigned char)file->path.bytes[path.size] > '/')
            break;
        else if (memcmp(file->path.bytes, path.bytes,
                        file->path.size < path.size ? file->path.size : path.size) != 0)
            break;
    }
    if (good) {
        listing->completed = files->completed;
        return listing;
    }
    listing_unref(listing);
    return NULL;
}

struct text file_tree_name(const void *object)
{
    struct text path = ((const struct artifact_file *)object)->path;
    size_t start = path.size;
    while (start > 0 && path.bytes[start - 1] != '/')
        start--;
    return (struct text){path.bytes + start, path.size - start};
}

bool file_tree_pays_listing(const struct node *version, const struct facet *files)
{
    const struct version *object = version->object;
    return object->file_count <= FEW_FILES || (files && files->singles >= MANY_SINGLES);
}

static struct facet *listed_files(struct node *node)
{
    struct facet *facet = node->facets;
    if (node->kind != NODE_VERSION)
        return NULL;
    while (facet && (facet->member != MEMBER_FILES || !facet->listing))
        facet = facet->next;
    return facet;
}

static void forget_listings(struct node *node)
{
    for (struct facet *facet = node->facets; facet; facet = facet->next) {
        if (node->kind == NODE_VERSION && facet->member != MEMBER_FILES)
            continue;
        listing_unref(facet->listing);
        facet->listing = NULL;
    }
    for (struct node *child = node->first_child; child; child = child->next_sibling)
        forget_listings(child);
}

/* Counts the files of all listings, and finds the version whose listing is oldest. */
static size_t count_files(const struct nodes *nodes, struct node **oldest)
{
    size_t files = 0;
    int64_t fetched = INT64_MAX;
    *oldest = NULL;
    for (size_t bucket = 0; bucket < nodes->bucket_count; bucket++) {
        for (struct node *node = nodes->buckets[bucket]; node; node = node->next_in_bucket) {
            const struct facet *facet = listed_files(node);
            if (!facet)
                continue;
            files += facet->listing->below.count;
            if (facet->listing->fetched < fetched) {
                fetched = facet->listing->fetched;
                *oldest = node;
            }
        }
    }
    return files;
}

void file_tree_trim(struct filesystem *fs, size_t listed)
{
    struct node *oldest = NULL;
    fs->files_listed += listed;
    if (fs->files_listed < FILES_KEPT / 4)
        return;
    fs->files_listed = 0;
    while (count_files(&fs->nodes, &oldest) > FILES_KEPT && oldest)
        forget_listings(oldest);
}
