/* SPDX-License-Identifier: MIT */
/* Reads a manifest entry by entry where it stands: a tree of all of it would take many times its
 * text. */
#include "manifest_decode.h"

#include "file_decode.h"
#include "internal.h"
#include "json_reader.h"
#include "json_scanner.h"
#include "json_text.h"

enum {
    DEEPEST = 512,
    /* What entries may take in memory however short their texts are. */
    ENTRIES_ALLOWED = 64 << 20,
    TIMES_TEXT = 3,
    SHORT_VALUE = 1 << 20, /* of what is read of an entry */
    ENTRY_OVERHEAD = 128,  /* of the struct below, of lists, and of the allocator */
};

#define STORAGE_POLICY "wandb-storage-policy-v1"

/* One entry, in the order of the text. */
struct row {
    struct text path;           /* of the file, or owned */
    struct text digest;         /* of the text, or owned */
    struct artifact_file *file; /* NULL: passed over */
    uint32_t number;
    bool owns_path;
    bool owns_digest;
};

struct decoding {
    struct client *client;
    const struct version *version;
    struct error *error;
    struct json_scanner scanner;
    bool mapped;
    json_t *head;             /* the members that are no entries */
    struct json_token digest; /* of the entry that was read last */
    bool has_contents;

    struct row *rows;
    size_t count;
    size_t capacity;
    size_t taken;   /* bytes that the rows take */
    size_t allowed; /* of them */
};

static void row_release(const struct row *row)
{
    if (row->owns_path)
        free((char *)(uintptr_t)row->path.bytes);
    if (row->owns_digest)
        free((char *)(uintptr_t)row->digest.bytes);
    object_unref(row->file);
}

static void decoding_release(struct decoding *decoding)
{
    for (size_t i = 0; i < decoding->count; i++)
        row_release(&decoding->rows[i]);
    free(decoding->rows);
    json_decref(decoding->head);
}

static bool copy_text(struct text text, struct text *copy)
{
    char *bytes = malloc(text.size + 1);
    if (!bytes)
        return false;
    if (text.size)
        memcpy(bytes, text.bytes, text.size);
    bytes[text.size] = '\0';
    *copy = (struct text){bytes, text.size};
    return true;
}

/* --- entries --- */

/* The value of a token as JSON; what is nested or huge says nothing that is wanted: its type alone
 * is told. NULL: no memory. */
static json_t *value_of(const struct decoding *decoding, const struct json_token *token)
{
    if (token->type == JSON_TOKEN_NESTED || token->size > SHORT_VALUE)
        return json_true();
    return json_parse_part(token->start, token->size, decoding->mapped);
}

/* Reads the next key and stands before its value. */
static int scan_key(struct decoding *decoding, json_t **key)
{
    struct json_scanner *scanner = &decoding->scanner;
    struct json_token token;
    if (json_scan_peek(scanner) != '"')
        return json_scanner_fail(scanner, "a key in quotes is missing");
    if (json_scan_value(scanner, &token) != 0 || json_scan_literal(scanner, ':') != 0)
        return -1;
    *key = json_parse_part(token.start, token.size, decoding->mapped);
    return json_is_string(*key) ? 0
                                : error_set(decoding->error, ERROR_LOCAL, "out of memory for keys");
}

/* The members of an entry that are of use, as a small object. */
static int scan_entry(struct decoding *decoding, json_t *entry)
{
    static const char *const wanted[] = {"digest", "size", "ref", "birthArtifactID"};
    bool more;
    if (json_scan_open(&decoding->scanner, '{', &more) != 0)
        return -1;
    while (more) {
        cleanup_json json_t *key = NULL;
        struct json_token token;
        if (scan_key(decoding, &key) != 0 || json_scan_value(&decoding->scanner, &token) != 0)
            return -1;
        if (text_is(json_text_of(key), "digest"))
            decoding->digest = token;
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            if (text_is(json_text_of(key), wanted[i]) &&
                json_object_set_new(entry, wanted[i], value_of(decoding, &token)) != 0)
                return error_set(decoding->error, ERROR_LOCAL, "out of memory");
        }
        if (json_scan_next(&decoding->scanner, '{', &more) != 0)
            return -1;
    }
    return 0;
}

/* The digest as it stands in the text where that is the same, else a copy. */
static bool take_digest(const struct decoding *decoding, struct text digest, struct row *row)
{
    const struct json_token *token = &decoding->digest;
    if (digest.size == 0)
        return true;
    if (token->size == digest.size + 2 &&
        memcmp(token->start + 1, digest.bytes, digest.size) == 0) {
        row->digest = (struct text){token->start + 1, digest.size};
        return true;
    }
    row->owns_digest = copy_text(digest, &row->digest);
    return row->owns_digest;
}

static int add_row(struct decoding *decoding, struct text path, const json_t *entry)
{
    struct error *error = decoding->error;
    struct row row = {.number = (uint32_t)decoding->count};
    struct text digest = json_text_of(json_at(entry, "digest", NULL));
    if (decoding->count == decoding->capacity) {
        size_t capacity = decoding->capacity ? decoding->capacity / 2 * 3 : 64;
        struct row *rows = realloc(decoding->rows, capacity * sizeof *rows);
        if (!rows)
            return error_set(error, ERROR_LOCAL, "out of memory");
        decoding->rows = rows;
        decoding->capacity = capacity;
    }
    if (file_decode_entry(decoding->client, decoding->version, path, entry, error, &row.file) != 0)
        return -1;
    if (row.file)
        row.path = row.file->path;
    else
        row.owns_path = copy_text(path, &row.path);
    bool good = take_digest(decoding, digest, &row) && (row.file || row.owns_path);
    decoding->rows[decoding->count++] = row;
    if (!good)
        return error_set(error, ERROR_LOCAL, "out of memory");
    decoding->taken += sizeof(struct artifact_file) + ENTRY_OVERHEAD + path.size + digest.size +
                       (row.file ? row.file->reference.size + row.file->birth.size : 0);
    return decoding->taken <= decoding->allowed
               ? 0
               : error_set(error, ERROR_SERVER,
                           "the manifest would take more memory than it may have");
}

static int scan_contents(struct decoding *decoding)
{
    struct json_scanner *scanner = &decoding->scanner;
    bool more;
    if (json_scan_open(scanner, '{', &more) != 0)
        return -1;
    decoding->has_contents = true;
    while (more) {
        cleanup_json json_t *path = NULL;
        cleanup_json json_t *entry = NULL;
        struct json_token token;
        if (scan_key(decoding, &path) != 0)
            return -1;
        if (json_scan_peek(scanner) == '{') {
            entry = json_object();
            if (scan_entry(decoding, entry) != 0)
                return -1;
        } else if (json_scan_value(scanner, &token) != 0) {
            return -1;
        }
        if (add_row(decoding, json_text_of(path), entry) != 0 ||
            json_scan_next(scanner, '{', &more) != 0)
            return -1;
    }
    return 0;
}

/* --- the whole --- */

static int scan_member(struct decoding *decoding)
{
    cleanup_json json_t *key = NULL;
    struct json_token token;
    if (scan_key(decoding, &key) != 0)
        return -1;
    struct text name = json_text_of(key);
    if (text_is(name, "contents") && json_scan_peek(&decoding->scanner) == '{')
        return scan_contents(decoding);
    if (json_scan_value(&decoding->scanner, &token) != 0)
        return -1;
    if (!text_is(name, "version") && !text_is(name, "storagePolicy") &&
        !text_is(name, "storagePolicyConfig"))
        return 0;
    json_t *value = token.size > SHORT_VALUE
                        ? json_null()
                        : json_parse_part(token.start, token.size, decoding->mapped);
    if (!value || json_object_set_new(decoding->head, name.bytes, value) != 0)
        return error_set(decoding->error, ERROR_SERVER, "the manifest's %.30s cannot be read",
                         name.bytes);
    return 0;
}

static int scan(struct decoding *decoding)
{
    bool more;
    if (json_scan_open(&decoding->scanner, '{', &more) != 0)
        return -1;
    while (more) {
        if (scan_member(decoding) != 0 || json_scan_next(&decoding->scanner, '{', &more) != 0)
            return -1;
    }
    return json_scan_end(&decoding->scanner);
}

static int check_storage(const json_t *json, struct manifest *manifest, struct error *error)
{
    const json_t *version = json_at(json, "version", NULL);
    const json_t *configuration = json_at(json, "storagePolicyConfig", NULL);
    struct text policy = json_text_of(json_at(json, "storagePolicy", NULL));
    struct text layout = json_text_of(json_at(configuration, "storageLayout", NULL));
    struct text region = json_text_of(json_at(configuration, "storageRegion", NULL));
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return error_set(error, ERROR_SERVER, "the manifest is of an unknown version");
    if (policy.size && !text_is(policy, STORAGE_POLICY))
        return error_set(error, ERROR_SERVER, "the manifest's storage policy %.100s is unknown",
                         text_or_empty(policy));
    if (layout.size && !text_is(layout, "V1") && !text_is(layout, "V2"))
        return error_set(error, ERROR_SERVER, "the manifest's storage layout %.100s is unknown",
                         text_or_empty(layout));
    manifest->layout = text_is(layout, "V2") ? MANIFEST_V2 : MANIFEST_V1;
    manifest->region = strdup(region.size ? region.bytes : "default");
    return manifest->region ? 0 : error_set(error, ERROR_LOCAL, "out of memory");
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    int order = text_compare(left->path, right->path);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

/* Orders the entries by path; of several with one path the last counts, as in Python. */
static void sort_rows(struct decoding *decoding)
{
    size_t kept = 0;
    if (decoding->count == 0)
        return;
    qsort(decoding->rows, decoding->count, sizeof *decoding->rows, compare_rows);
    for (size_t i = 0; i < decoding->count; i++) {
        struct row row = decoding->rows[i];
        bool again = i + 1 < decoding->count && text_equal(row.path, decoding->rows[i + 1].path);
        if (again)
            row_release(&row);
        else
            decoding->rows[kept++] = row;
    }
    decoding->count = kept;
}

static bool digest_fits(const struct decoding *decoding, struct text expected)
{
    struct manifest_hash hash;
    bool well = manifest_hash_begin(&hash);
    for (size_t i = 0; well && i < decoding->count; i++)
        well = manifest_hash_add(&hash, decoding->rows[i].path, decoding->rows[i].digest);
    return manifest_hash_fits(&hash, expected) && well;
}

static int take_files(struct decoding *decoding, struct object_list *files)
{
    for (size_t i = 0; i < decoding->count; i++) {
        struct row *row = &decoding->rows[i];
        if (row->file && !object_list_steal(files, object_ref(row->file)))
            return error_set(decoding->error, ERROR_LOCAL, "out of memory");
    }
    return 0;
}

int manifest_decode(struct client *client, const struct version *version, struct buf *text,
                    size_t memory, struct text digest, struct manifest *manifest,
                    struct error *error)
{
    cleanup(decoding_release) struct decoding decoding = {
        .client = client, .version = version, .error = error, .head = json_object()};
    struct error problem = {0};
    size_t most = TIMES_TEXT * text->size > ENTRIES_ALLOWED ? TIMES_TEXT * text->size
                                                            : (size_t)ENTRIES_ALLOWED;
    if (text->size > memory || !json_repair(text, memory, &decoding.mapped))
        return error_set(error, ERROR_SERVER, "the manifest is larger than memory allows");
    decoding.allowed = most < memory - text->size ? most : memory - text->size;
    json_scanner_init(&decoding.scanner, text->data ? text->data : "", text->size, DEEPEST,
                      &problem);
    if (scan(&decoding) != 0)
        return error->kind != ERROR_NONE
                   ? -1
                   : error_set(error, ERROR_SERVER, "the manifest cannot be read: %s",
                               problem.message);
    if (check_storage(decoding.head, manifest, error) != 0)
        return -1;
    if (!decoding.has_contents)
        return error_set(error, ERROR_SERVER, "the manifest has no contents");
    sort_rows(&decoding);
    manifest->has_digest = digest_fits(&decoding, digest);
    return take_files(&decoding, &manifest->files);
}

/* --- digests --- */

bool manifest_hash_begin(struct manifest_hash *hash)
{
    static const char heading[] = "wandb-artifact-manifest-v1\n";
    hash->md5 = md5_new();
    hash->well = hash->md5 && md5_update(hash->md5, heading, sizeof heading - 1);
    return hash->well;
}

bool manifest_hash_add(struct manifest_hash *hash, struct text path, struct text digest)
{
    hash->well = hash->well && md5_update(hash->md5, path.bytes, path.size) &&
                 md5_update(hash->md5, ":", 1) &&
                 md5_update(hash->md5, digest.bytes, digest.size) && md5_update(hash->md5, "\n", 1);
    return hash->well;
}

bool manifest_hash_fits(struct manifest_hash *hash, struct text expected)
{
    unsigned char digest[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1];
    bool well = hash->well && md5_finish(hash->md5, digest);
    md5_free(hash->md5);
    for (size_t i = 0; well && i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return well && text_is(expected, hex);
}
