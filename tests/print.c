/* SPDX-License-Identifier: MIT */
#include "print.h"

#include "base/buf.h"

#include <inttypes.h>

enum { METADATA_CEILING = 64 << 20 };

/* Control bytes as escapes, so that any text stays on its line. */
static void print_text(const char *name, struct text text)
{
    printf("%s=", name);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        if (byte < 0x20 || byte == 0x7f || byte == '\\')
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
    puts(text.bytes ? "" : "(null)");
}

static void print_texts(const char *name, struct texts texts)
{
    for (size_t i = 0; i < texts.count; i++)
        print_text(name, texts.items[i]);
}

void print_viewer(const struct viewer *viewer)
{
    puts("viewer");
    print_text("  username", viewer->username);
    print_text("  entity", viewer->entity);
    print_texts("  team", viewer->teams);
}

void print_organization(const struct organization *organization)
{
    puts("organization");
    print_text("  name", organization->name);
    print_text("  entity", organization->entity);
}

void print_registry(const struct registry *registry)
{
    puts("registry");
    print_text("  name", registry->name);
    print_text("  full_name", registry->full_name);
    print_text("  organization", registry->organization);
    print_text("  entity", registry->entity);
    print_text("  id", registry->id);
    print_text("  description", registry->description);
    printf("  visibility=%s\n",
           registry->visibility == VISIBILITY_RESTRICTED ? "restricted" : "organization");
    printf("  allow_all_artifact_types=%s\n",
           registry->allow_all_artifact_types ? "true" : "false");
    print_texts("  artifact_type", registry->artifact_types);
    print_text("  created_at", registry->created_at);
    print_text("  updated_at", registry->updated_at);
}

void print_collection(const struct collection *collection)
{
    puts("collection");
    print_text("  name", collection->name);
    print_text("  registry", collection->registry);
    print_text("  entity", collection->entity);
    print_text("  id", collection->id);
    print_text("  description", collection->description);
    print_text("  type", collection->type);
    print_texts("  tag", collection->tags);
    print_text("  created_at", collection->created_at);
    print_text("  updated_at", collection->updated_at);
}

void print_version(const struct version *version)
{
    puts("version");
    print_text("  collection", version->collection);
    print_text("  registry", version->registry);
    print_text("  entity", version->entity);
    printf("  index=%" PRId64 "\n", version->index);
    print_text("  id", version->id);
    print_text("  type", version->type);
    print_text("  state", version->state);
    print_text("  description", version->description);
    print_text("  digest", version->digest);
    print_text("  commit_hash", version->commit_hash);
    print_text("  source_name", version->source_name);
    print_texts("  alias", version->aliases);
    print_texts("  tag", version->tags);
    printf("  size=%" PRId64 "\n  file_count=%" PRId64 "\n", version->size, version->file_count);
    printf("  ttl=%" PRId64 "\n  history_step=%" PRId64 "\n", version->ttl_seconds,
           version->history_step);
    print_text("  created_at", version->created_at);
    print_text("  updated_at", version->updated_at);
    cleanup_buf struct buf metadata;
    buf_init(&metadata, METADATA_CEILING);
    if (metadata_format(version->metadata, &metadata))
        print_text("  metadata", (struct text){metadata.data, metadata.size});
}
