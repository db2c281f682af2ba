/* SPDX-License-Identifier: MIT */
#include "content/remote_file.h"

#include "base/banned.h"
#include "base/cleanup.h"
#include "content/readahead.h"
#include "remote_world.h"

#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
/* --- what is expected --- */

static void a_small_file_costs_one_request(void)
{
    struct world world;
    struct server server;
    server_init(&server, 3 * MIB + 5);
    world_init(&world, true, 32 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 128 * KIB) == server.size);
    CHECK(server.fetches == 1);
    CHECK(server.bytes == server.size);
    remote_reader_unref(reader);
    reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 100000) == server.size);
    CHECK(server.fetches == 1);
    remote_reader_unref(reader);
    world_release(&world);
    CHECK(server.released == 2);
}

static void each_byte_of_a_large_file_comes_once(bool with_disk)
{
    struct world world;
    struct server server;
    struct remote_figures figures;
    server_init(&server, 200 * MIB + 12345);
    world_init(&world, with_disk, 32 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 128 * KIB) == server.size);
    CHECK(server.bytes == server.size);
    CHECK(server.fetches < 150);
    remote_read_figures(world.files, &figures);
    CHECK(figures.memory <= 32 * MIB);
    remote_reader_unref(reader);
    world_release(&world);
}

static void random_reads_fetch_little(void)
{
    struct world world;
    struct server server;
    char buffer[4 * KIB];
    bool right = true;
    server_init(&server, GIB);
    world_init(&world, true, 32 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    uint64_t state = 42;
    for (int i = 0; i < 1000; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint64_t offset = (state >> 33) % (GIB / 4096) * 4096;
        ssize_t got = read_at(reader, offset, buffer, sizeof buffer);
        right = right && got == (ssize_t)sizeof buffer && is_right(buffer, offset, sizeof buffer);
    }
    CHECK(right);
    CHECK(server.bytes < GIB / 20);
    remote_reader_unref(reader);
    world_release(&world);
}

struct reading {
    struct remote_files *files;
    struct server *server;
    uint64_t key;
    uint64_t got;
    bool random;
};

static void *read_in_thread(void *context)
{
    struct reading *reading = context;
    struct remote_source source = source_of(reading->server);
    struct remote_reader *reader = remote_open(reading->files, reading->key, &source);
    if (!reading->random) {
        reading->got = read_through(reader, 128 * KIB);
    } else {
        char buffer[64 * KIB];
        uint64_t state = (uintptr_t)reading;
        for (int i = 0; i < 100; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
            uint64_t offset = (state >> 20) % (reading->server->size - sizeof buffer);
            if (read_at(reader, offset, buffer, sizeof buffer) == (ssize_t)sizeof buffer &&
                is_right(buffer, offset, sizeof buffer))
                reading->got++;
        }
    }
    remote_reader_unref(reader);
    return NULL;
}

static void run_readers(struct reading *readings, size_t count)
{
    pthread_t threads[WIDTH];
    for (size_t i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, read_in_thread, &readings[i]);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void many_readers_share_one_transfer(void)
{
    struct world world;
    struct server server;
    struct reading readings[WIDTH];
    unsigned well = 0;
    server_init(&server, 40 * MIB + 1);
    server.delay_us = 2000;
    world_init(&world, true, 32 * MIB);
    for (unsigned i = 0; i < WIDTH; i++)
        readings[i] = (struct reading){.files = world.files, .server = &server, .key = 7};
    run_readers(readings, WIDTH);
    for (unsigned i = 0; i < WIDTH; i++)
        well += readings[i].got == server.size;
    CHECK(well == WIDTH);
    CHECK(server.bytes == server.size);
    world_release(&world);
}

static void many_files_share_the_memory(bool with_disk, size_t memory, bool random)
{
    struct world world;
    struct server servers[WIDTH];
    struct reading readings[WIDTH];
    struct remote_figures figures;
    unsigned well = 0;
    world_init(&world, with_disk, memory);
    for (unsigned i = 0; i < WIDTH; i++) {
        server_init(&servers[i], 20 * MIB + i);
        servers[i].delay_us = 500;
        readings[i] = (struct reading){
            .files = world.files, .server = &servers[i], .key = i + 1, .random = random};
    }
    run_readers(readings, WIDTH);
    for (unsigned i = 0; i < WIDTH; i++)
        well += readings[i].got == (random ? 100 : servers[i].size);
    CHECK(well == WIDTH);
    remote_read_figures(world.files, &figures);
    CHECK(figures.memory <= memory);
    world_release(&world);
}

static void a_failure_reaches_who_waits(void)
{
    struct world world;
    struct server server;
    char buffer[4 * KIB];
    server_init(&server, 20 * MIB);
    server.fail_times = 1;
    world_init(&world, true, 32 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_at(reader, 5 * MIB, buffer, sizeof buffer) == -1);
    /* Who asks again at once is told the same without a fetch. */
    unsigned fetches = server.fetches;
    CHECK(read_at(reader, 5 * MIB, buffer, sizeof buffer) == -1);
    CHECK(server.fetches == fetches);
    usleep(300 * 1000);
    CHECK(read_at(reader, 5 * MIB, buffer, sizeof buffer) == (ssize_t)sizeof buffer);
    CHECK(is_right(buffer, 5 * MIB, sizeof buffer));
    /* What came before a failure is not fetched again. */
    server.fail_times = 1;
    server.bytes = 0;
    CHECK(read_at(reader, 8 * MIB, buffer, sizeof buffer) == -1 || server.bytes > 0);
    remote_reader_unref(reader);
    world_release(&world);
}

static void a_wrong_digest(uint64_t size, unsigned times, unsigned ways, bool with_disk)
{
    struct world world;
    struct server server;
    server_init(&server, size);
    server.wrong_times = (int)times;
    world_init(&world, with_disk, 32 * MIB);
    struct remote_source source = source_of(&server);
    source.ways = ways == 2 ? 0 : ways; /* as usual */
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    bool right;
    uint64_t got = read_all(reader, 128 * KIB, &right);
    /* Nothing is shown before the check of a small file, so the second try helps its reader; who
     * has read wrong bytes of a larger one does not get to its end. */
    CHECK(right || got < size);
    CHECK(size > MIB || (got == size) == (times < ways));
    CHECK(server.mismatches == (size <= MIB ? times : 1));
    CHECK(size > MIB || server.fetches == (times < ways ? times + 1 : ways));
    CHECK(server.failures == (size > MIB || times >= ways));
    CHECK(server.drops == server.failures && server.odd_drops == 0);
    remote_reader_unref(reader);
    /* Whoever opens it afterwards begins anew. */
    server.wrong_times = 0;
    reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 128 * KIB) == size);
    remote_reader_unref(reader);
    world_release(&world);
}

/* Whoever has looked at the start of a small file before it was checked does not get to its end if
 * it was wrong, nor does anybody else who had it open. */
static void a_wrong_start_of_a_small_file(bool wrong, bool with_disk)
{
    struct world world;
    struct server server;
    char start[32 * KIB], rest[MIB];
    server_init(&server, 700 * KIB);
    server.wrong_times = wrong;
    world_init(&world, with_disk, 32 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    struct remote_reader *other = remote_open(world.files, 1, &source);
    size_t left = server.size - sizeof start;
    CHECK(read_at(reader, 0, start, sizeof start) == sizeof start);
    CHECK(is_right(start, 0, sizeof start) == !wrong);
    CHECK(server.bytes <= READAHEAD_HEAD);
    CHECK(read_at(reader, sizeof start, rest, left) == (wrong ? -1 : (ssize_t)left));
    CHECK(read_through(other, 128 * KIB) == (wrong ? 0 : server.size));
    CHECK(server.mismatches == wrong && server.failures == wrong && server.drops == wrong);
    remote_reader_unref(reader);
    remote_reader_unref(other);
    reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 128 * KIB) == server.size);
    remote_reader_unref(reader);
    world_release(&world);
}

/* Puts the whole content into the cache, of which nobody has compared the digest yet. */
static void store(struct disk_cache *disk, const struct server *server, const char *content)
{
    struct disk_file *file = disk_file_open(disk, server->digest, server->size);
    CHECK(file != NULL);
    disk_file_write(file, 0, content, server->size);
    CHECK(!disk_file_is_verified(file));
    disk_file_close(file);
}

static bool becomes_verified(struct disk_cache *disk, const struct server *server)
{
    bool verified = false;
    for (unsigned i = 0; i < 3000 && !verified; i++) {
        struct disk_file *file = disk_file_open(disk, server->digest, server->size);
        verified = disk_file_is_verified(file);
        disk_file_close(file);
        usleep(10 * 1000);
    }
    return verified;
}

static void a_large_file_on_disk_is_served_before_its_digest_is_known(bool damaged)
{
    struct world world;
    struct server server;
    struct remote_view view;
    struct error error = {0};
    server_init(&server, 64 * MIB);
    cleanup_free char *content = malloc(server.size + MIB);
    server.size += MIB; /* large: beyond what is checked before it is shown */
    fill(content, 0, server.size);
    struct md5 *md5 = md5_new();
    md5_update(md5, content, server.size);
    md5_finish(md5, server.digest);
    md5_free(md5);
    content[server.size / 2] ^= damaged;
    world_init(&world, true, 32 * MIB);
    store(world.disk, &server, content);
    struct remote_source source = source_of(&server);
    source.md5 = server.digest;
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(remote_read(reader, 0, 4 * KIB, &view, &error) == REMOTE_READY);
    remote_view_release(&view);
    if (damaged) {
        for (unsigned i = 0; i < 3000 && server.drops == 0; i++)
            usleep(10 * 1000);
        CHECK(server.mismatches == 1);
        CHECK(remote_read(reader, 0, 4 * KIB, &view, &error) == REMOTE_FAILED);
    } else {
        CHECK(becomes_verified(world.disk, &server));
        CHECK(read_through(reader, 128 * KIB) == server.size);
    }
    CHECK(server.fetches == 0);
    remote_reader_unref(reader);
    world_release(&world);
}

/* What may be shown of a content of which only the last block has not been. */
static void the_last_block_waits_for_the_digest(uint64_t size, bool late, bool waits)
{
    struct world world;
    struct server server;
    static const uint64_t block = DISK_BLOCK;
    server_init(&server, MIB);
    server.size = size;
    world_init(&world, false, 32 * MIB);
    if (late)
        remote_files_verify_late(world.files);
    struct remote_source source = source_of(&server);
    source.md5 = server.digest;
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    struct remote_file *file = reader->file;
    pthread_mutex_lock(&world.files->lock);
    for (uint64_t i = 0; i + 1 < size / block; i++) {
        CHECK(digest_permits(file, i * block, (i + 1) * block));
        digest_show(file, i, 1);
    }
    CHECK(digest_permits(file, size - block, size) == !waits);
    CHECK(digest_permits(file, 0, size) == !waits);
    /* In order it is waited for; where order was none, for some time. */
    CHECK(digest_await(file) == 0);
    file->digest->disordered = true;
    CHECK(digest_await(file) > 9000);
    pthread_mutex_unlock(&world.files->lock);
    remote_reader_unref(reader);
    world_release(&world);
}

static void a_large_request_is_answered(size_t size, bool with_disk)
{
    struct world world;
    struct server server;
    cleanup_free char *buffer = malloc(size);
    server_init(&server, 20 * MIB + 7);
    world_init(&world, with_disk, 32 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_at(reader, 5 * MIB + 1, buffer, size) == (ssize_t)size);
    CHECK(is_right(buffer, 5 * MIB + 1, size));
    CHECK(read_through(reader, size) == server.size);
    remote_reader_unref(reader);
    world_release(&world);
}

static void more_than_the_memory_is_an_error(void)
{
    struct world world;
    struct server server;
    cleanup_free char *buffer = malloc(20 * MIB);
    server_init(&server, 30 * MIB);
    world_init(&world, false, 8 * MIB);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_at(reader, 0, buffer, 20 * MIB) == -1);
    remote_reader_unref(reader);
    world_release(&world);
}

static void what_comes_between_blocks_on_disk_is_kept_too(void)
{
    struct world world;
    struct server server;
    static const uint64_t there[] = {32 * KIB, 320 * KIB, 480 * KIB, 2 * MIB};
    char block[DISK_BLOCK];
    server_init(&server, 3 * MIB + 5);
    world_init(&world, true, 32 * MIB);
    struct disk_file *file = disk_file_open(world.disk, server.digest, server.size);
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) {
        fill(block, there[i], sizeof block);
        disk_file_write(file, there[i], block, sizeof block);
    }
    disk_file_close(file);
    struct remote_source source = source_of(&server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 128 * KIB) == server.size);
    CHECK(server.bytes == server.size - sizeof there / sizeof there[0] * DISK_BLOCK);
    remote_reader_unref(reader);
    struct remote_figures figures = {.open = 1};
    while (figures.open > 0) /* then nothing is left in memory */
        remote_read_figures(world.files, &figures);
    unsigned fetches = server.fetches;
    reader = remote_open(world.files, 1, &source);
    CHECK(read_through(reader, 128 * KIB) == server.size);
    CHECK(server.fetches == fetches);
    remote_reader_unref(reader);
    world_release(&world);
}

/* Comparing its digest takes longer than a read may. */
static void nobody_waits_for_a_huge_copy_to_be_checked(void)
{
    struct world world;
    struct server server;
    char objects[64], path[128], buffer[4 * KIB];
    server_init(&server, UINT64_C(5) * GIB);
    world_init(&world, false, 32 * MIB);
    snprintf(objects, sizeof objects, "%s/objects", directory);
    snprintf(path, sizeof path, "%s/00", objects);
    CHECK(mkdir(objects, 0700) == 0 && mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/00/%030d", objects, 0);
    FILE *copy = fopen(path, "w");
    CHECK(copy && ftruncate(fileno(copy), (off_t)server.size) == 0 && fclose(copy) == 0);
    remote_files_free(world.files);
    world.disk = disk_cache_new(&(struct disk_cache_config){
        .directory = directory, .limit = GIB, .client_objects = objects});
    world.files = remote_files_new(world.lane, WIDTH, world.disk, 32 * MIB);
    struct remote_source source = source_of(&server);
    source.md5 = server.digest; /* all zeros */
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    CHECK(read_at(reader, GIB, buffer, sizeof buffer) == (ssize_t)sizeof buffer);
    CHECK(is_right(buffer, GIB, sizeof buffer));
    pthread_mutex_lock(&world.files->lock);
    unsigned streams = world.files->streams;
    unsigned references = reader->file->references;
    pthread_mutex_unlock(&world.files->lock);
    CHECK(references >= 2 + streams); /* the reader, and the check that goes on */
    remote_reader_unref(reader);
    world_release(&world);
}

/* --- orders of reading --- */

struct cost {
    unsigned fetches;
    uint64_t bytes;
    bool right;
};

struct place {
    uint64_t offset, size;
};

static void shuffle(struct place *places, size_t count)
{
    uint64_t state = 7;
    for (size_t i = count; i > 1; i--) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t other = (size_t)((state >> 33) % i);
        struct place one = places[i - 1];
        places[i - 1] = places[other];
        places[other] = one;
    }
}

/* Reads the places in their order, each in steps, forward or backward. */
static struct cost cost_of(struct server *server, const struct place *places, size_t count,
                           size_t step, bool backward, bool with_disk)
{
    struct world world;
    struct cost cost = {.right = true};
    cleanup_free char *buffer = malloc(step);
    world_init(&world, with_disk, 96 * MIB);
    struct remote_source source = source_of(server);
    struct remote_reader *reader = remote_open(world.files, 1, &source);
    server->fetches = 0;
    server->bytes = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t at = 0; at < places[i].size; at += step) {
            uint64_t offset = places[i].offset + (backward ? places[i].size - step - at : at);
            cost.right = cost.right && read_at(reader, offset, buffer, step) == (ssize_t)step &&
                         is_right(buffer, offset, step);
        }
    }
    cost.fetches = server->fetches;
    cost.bytes = server->bytes;
    remote_reader_unref(reader);
    world_release(&world);
    return cost;
}

enum { WHOLE_SIZE = 64 * MIB, MOST_PLACES = WHOLE_SIZE / (128 * KIB) };

/* How far is read ahead depends on who is quicker: a machine that is busy just then is not the
 * rule. */
enum { TRIES = 3 };

/* What an order is compared with: one pass from start to end. */
struct pass {
    struct server server;
    bool with_disk;
    unsigned fetches;
};

static void pass_init(struct pass *pass, bool with_disk)
{
    static const struct place whole = {0, WHOLE_SIZE};
    server_init(&pass->server, WHOLE_SIZE);
    pass->server.delay_us = 5 * 1000;
    pass->with_disk = with_disk;
    struct cost cost = cost_of(&pass->server, &whole, 1, 128 * KIB, false, with_disk);
    CHECK(cost.right && cost.bytes == WHOLE_SIZE);
    pass->fetches = cost.fetches;
}

static void order_costs_little(struct pass *pass, const struct place *places, size_t count,
                               size_t step, bool backward)
{
    struct cost cost;
    unsigned tries = 0;
    do {
        cost = cost_of(&pass->server, places, count, step, backward, pass->with_disk);
        CHECK(cost.right);
    } while (cost.fetches > 2 * pass->fetches && ++tries < TRIES);
    CHECK(tries < TRIES);
    CHECK(cost.bytes <= WHOLE_SIZE / 10 * 11);
}

static size_t cut(struct place *places, uint64_t piece)
{
    for (size_t i = 0; i < WHOLE_SIZE / piece; i++)
        places[i] = (struct place){i * piece, piece};
    return WHOLE_SIZE / piece;
}

static void any_order_costs_little(bool with_disk)
{
    static struct place places[MOST_PLACES];
    struct pass pass;
    pass_init(&pass, with_disk);
    size_t count = cut(places, 4 * MIB);
    shuffle(places, count);
    order_costs_little(&pass, places, count, 128 * KIB, false);
    count = cut(places, MIB);
    shuffle(places, count);
    order_costs_little(&pass, places, count, 128 * KIB, false);
    order_costs_little(&pass, places, count, 32 * KIB, true);
    count = cut(places, MIB);
    order_costs_little(&pass, places, count, 4 * KIB, true);
    count = cut(places, WHOLE_SIZE);
    order_costs_little(&pass, places, count, 128 * KIB, true);
    count = cut(places, MIB);
    for (size_t i = 0; i < count; i++)
        places[i].offset = (count - 1 - i) * MIB;
    order_costs_little(&pass, places, count, 128 * KIB, false);
    for (size_t streams = 2; streams <= 16; streams *= 8) {
        count = cut(places, 128 * KIB);
        for (size_t i = 0; i < count; i++)
            places[i].offset = (i % streams) * (WHOLE_SIZE / streams) + i / streams * 128 * KIB;
        order_costs_little(&pass, places, count, 128 * KIB, false);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    /* Gigabytes, whose requests are counted: slow builds are spared what they cannot show
     * otherwise. */
    if (!getenv("SLOW_BUILD")) {
        any_order_costs_little(true);
        any_order_costs_little(false);
    }
    a_small_file_costs_one_request();
    each_byte_of_a_large_file_comes_once(true);
    each_byte_of_a_large_file_comes_once(false);
    random_reads_fetch_little();
    many_readers_share_one_transfer();
    many_files_share_the_memory(true, 32 * MIB, false);
    many_files_share_the_memory(false, 32 * MIB, false);
    many_files_share_the_memory(true, 1 * MIB, true);
    many_files_share_the_memory(false, 1 * MIB, true);
    a_failure_reaches_who_waits();
    for (unsigned i = 0; i < 4; i++)
        a_wrong_start_of_a_small_file(i / 2 == 0, i % 2 == 0);
    a_wrong_digest(500 * KIB, 1, 2, true);
    a_wrong_digest(500 * KIB, 2, 2, true);
    a_wrong_digest(500 * KIB, 3, 4, true);
    a_wrong_digest(500 * KIB, 4, 4, true);
    a_wrong_digest(5 * MIB, 1, 2, true);
    a_wrong_digest(5 * MIB, 2, 2, true);
    a_wrong_digest(500 * KIB, 2, 2, false);
    a_wrong_digest(5 * MIB, 1, 2, false);
    a_large_file_on_disk_is_served_before_its_digest_is_known(false);
    a_large_file_on_disk_is_served_before_its_digest_is_known(true);
    nobody_waits_for_a_huge_copy_to_be_checked();
    the_last_block_waits_for_the_digest(2 * MIB, false, true);
    the_last_block_waits_for_the_digest(2 * MIB, true, true);
    the_last_block_waits_for_the_digest(100 * MIB, false, true);
    the_last_block_waits_for_the_digest(100 * MIB, true, false);
    a_large_request_is_answered(MIB, false);
    a_large_request_is_answered(2 * MIB + 12345, false);
    a_large_request_is_answered(8 * MIB, true);
    more_than_the_memory_is_an_error();
    what_comes_between_blocks_on_disk_is_kept_too();
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_result();
}
