/* SPDX-License-Identifier: MIT */
#include "digest_memory.h"

#include "base/banned.h"
#include "remote_digest.h"
#include "remote_internal.h"

static const size_t MOST_BYTES = 16 << 20;

/* About; an open computation counts, too. */
static size_t bytes_of(const struct digest *digest)
{
    return 1024 + (size_t)(digest->size / DISK_BLOCK + 1) * sizeof(uint32_t);
}

static struct digest **bucket_of(struct digest_memory *memory, uint64_t key)
{
    return &memory->buckets[key % DIGEST_BUCKETS];
}

static void take_out(struct digest_memory *memory, struct digest *digest)
{
    struct digest **link = bucket_of(memory, digest->key);
    while (*link != digest)
        link = &(*link)->next;
    *link = digest->next;
    *(digest->older ? &digest->older->newer : &memory->oldest) = digest->newer;
    *(digest->newer ? &digest->newer->older : &memory->newest) = digest->older;
    memory->bytes -= bytes_of(digest);
}

void digest_memory_keep(struct digest_memory *memory, struct digest *digest)
{
    if (!digest)
        return;
    if (bytes_of(digest) > MOST_BYTES / 4) {
        digest_free(digest);
        return;
    }
    struct digest **bucket = bucket_of(memory, digest->key);
    digest->next = *bucket;
    *bucket = digest;
    digest->newer = NULL;
    digest->older = memory->newest;
    *(digest->older ? &digest->older->newer : &memory->oldest) = digest;
    memory->newest = digest;
    memory->bytes += bytes_of(digest);
    while (memory->bytes > MOST_BYTES) {
        struct digest *oldest = memory->oldest;
        take_out(memory, oldest);
        digest_free(oldest);
    }
}

struct digest *digest_memory_take(struct digest_memory *memory, uint64_t key, uint64_t size,
                                  const unsigned char *md5)
{
    struct digest *digest = *bucket_of(memory, key);
    while (digest && (digest->key != key || digest->size != size || !md5 ||
                      memcmp(digest->wanted, md5, MD5_SIZE) != 0))
        digest = digest->next;
    if (digest)
        take_out(memory, digest);
    return digest;
}

void digest_memory_release(struct digest_memory *memory)
{
    while (memory->oldest) {
        struct digest *digest = memory->oldest;
        take_out(memory, digest);
        digest_free(digest);
    }
}
