/* SPDX-License-Identifier: MIT */
/*
 * The filesystem's own code without a kernel: processes that walk about and edit while what they
 * ask for changes, fails, hangs and is interrupted, and a shutdown in the middle. For
 * ThreadSanitizer and AddressSanitizer; by itself it checks that every request is answered once and
 * that every node that was looked up is let go of.
 *
 *   stress [SECONDS [SEED]]
 */
#include <linux/fuse.h> /* before base/banned.h: it has a member that is called ctime */

#include "answer/operations.h"
#include "answer/read_content.h"
#include "base/clock.h"
#include "edit/dropped_in.h"
#include "inode/filesystem.h"
#include "kernel.h"
#include "process.h"
#include "report/options.h"
#include "server.h"
#include "tree/kernel_cache.h"
#include "tree/passthrough.h"
#include "tree/place.h"
#include "tree/query.h"
#include "tree/query_keep.h"
#include "wait/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

enum { PROCESSES = 24, WORKERS = 6, DEEPEST = 9, PAGE = 1024, MOST_NAMES = 32 };

static struct filesystem fs;
static atomic_bool ending;
static const char *const names[] = {
    "o0",          "o1",          "r0",          "r1",     "c0",
    "c1",          "v0",          "v4",          "latest", "versions",
    "files",       "collections", "c9",          "id",     "no such",
    "aliases",     "@x",          ".registryfs", "..",     "v9",
    "description", "@{}",         "@name=r0",    "@tag=a", "@{\"$not\":{}}",
    "@tags=b",     "r1:c1:v0",    "lineage",     "linked", "manifest.json"};

void process_forget(struct process *process, fuse_ino_t id, uint64_t lookups)
{
    struct fuse_forget_data one = {.ino = id, .nlookup = lookups};
    if (id == 0 || id == ROOT_ID)
        return;
    if (random_below(2))
        ASK(process, forget, id, lookups);
    else
        ASK(process, forget_multi, 1, &one);
}

fuse_ino_t process_lookup(struct process *process, fuse_ino_t parent, const char *name)
{
    return ASK(process, lookup, parent, name) == 0 ? process->answer.entry.ino : 0;
}

/* Reads pages of a directory; forgets what the pages looked up but one entry, which it returns. */
static fuse_ino_t read_pages(struct process *process, fuse_ino_t id, struct fuse_file_info *file,
                             mode_t *mode)
{
    fuse_ino_t chosen = 0, others[PAGE / sizeof(struct fuse_direntplus)];
    off_t offset = 0;
    for (;;) {
        size_t count = 0;
        if (ASK(process, readdirplus, id, PAGE, offset, file) != 0 || process->answer.size == 0)
            return chosen;
        for (size_t at = 0; at < process->answer.size;) {
            const struct fuse_direntplus *entry = (const void *)(process->answer.bytes + at);
            offset = (off_t)entry->dirent.off;
            at += FUSE_DIRENTPLUS_SIZE(entry);
            fuse_ino_t found = entry->entry_out.nodeid;
            if (found && (!chosen || random_below(4) == 0)) {
                *mode = entry->entry_out.attr.mode;
                others[count++] = chosen;
                chosen = found;
            } else {
                others[count++] = found;
            }
        }
        for (size_t i = 0; i < count; i++)
            process_forget(process, others[i], 1);
    }
}

static fuse_ino_t list(struct process *process, fuse_ino_t id, mode_t *mode)
{
    struct fuse_file_info file = {0};
    if (ASK(process, opendir, id, &file) != 0)
        return 0;
    file.fh = process->answer.handle;
    if (random_below(3) == 0)
        ASK(process, readdir, id, PAGE, 0, &file);
    fuse_ino_t chosen = read_pages(process, id, &file, mode);
    ASK(process, releasedir, id, &file);
    return chosen;
}

static void read_file(struct process *process, fuse_ino_t id)
{
    struct fuse_file_info file = {.flags = O_RDONLY};
    if (ASK(process, open, id, &file) != 0)
        return;
    file.fh = process->answer.handle;
    ASK(process, read, id, PAGE, random_below(3), &file);
    for (uint32_t reads = random_below(20), at = random_below(100000); reads > 0; reads--) {
        ASK(process, read, id, PAGE, (off_t)at, &file);
        at = random_below(3) ? at + PAGE : random_below(12 << 20);
    }
    ASK(process, release, id, &file);
}

/* Things that programs do to whatever they meet. */
static void poke(struct process *process, fuse_ino_t id)
{
    struct stat attributes = {0};
    switch (random_below(8)) {
    case 0:
        ASK(process, getxattr, id, "user.registryfs.name", 256);
        break;
    case 1:
        ASK(process, access, id, 4);
        break;
    case 2:
        if (random_below(4) == 0)
            ASK(process, setattr, id, &attributes, FUSE_SET_ATTR_MTIME_NOW, NULL);
        break;
    case 3:
        process_forget(
            process, process_lookup(process, id, names[random_below(sizeof names / sizeof *names)]),
            1);
        break;
    default:
        ASK(process, getattr, id, NULL);
        break;
    }
}

/* Down from the root by what is listed or by guessing, then back. */
static void walk(struct process *process)
{
    fuse_ino_t id = ROOT_ID, path[DEEPEST];
    mode_t mode = S_IFDIR;
    size_t depth = 0;
    while (depth < DEEPEST && S_ISDIR(mode) && !atomic_load(&ending)) {
        poke(process, id);
        fuse_ino_t next = 0;
        if (random_below(3) == 0) {
            next = process_lookup(process, id, names[random_below(sizeof names / sizeof *names)]);
            mode = process->answer.entry.attr.st_mode;
        } else {
            next = list(process, id, &mode);
        }
        if (!next)
            break;
        path[depth++] = id = next;
    }
    if (S_ISREG(mode))
        read_file(process, id);
    if (S_ISLNK(mode))
        ASK(process, readlink, id);
    while (depth > 0)
        process_forget(process, path[--depth], 1);
}

/* Straight to the files of a version, which a random walk hardly ever reaches. */
static void walk_files(struct process *process)
{
    static const char *const way[] = {"o0", "r0", "collections", "c0", "versions", "v0", "files"};
    static const char *const files[] = {"a.txt", "clash", "folder", "link", "remote"};
    static const char *const below[] = {"inside", "deep", "empty"};
    fuse_ino_t path[16], id = ROOT_ID;
    size_t depth = 0;
    for (size_t i = 0; id && i < sizeof way / sizeof *way; i++)
        path[depth++] = id = process_lookup(process, id, way[i]);
    if (id)
        path[depth++] = id = process_lookup(process, id, files[random_below(5)]);
    while (id && S_ISDIR(process->answer.entry.attr.st_mode) && depth < 12) {
        const char *name = depth == 8 ? below[random_below(3)] : "large.bin";
        path[depth++] = id = process_lookup(process, id, name);
    }
    if (id)
        read_file(process, id);
    while (depth > 0)
        process_forget(process, path[--depth], 1);
}

static void *process_thread(void *context)
{
    struct process *process = context;
    random_seed((uint64_t)process->pid);
    while (!atomic_load(&ending)) {
        if (random_below(4) == 0)
            walk_files(process);
        if (random_below(2) == 0)
            process_edit(process);
        walk(process);
    }
    free(process->answer.bytes);
    return NULL;
}

static void ready(struct filesystem *filesystem)
{
    (void)filesystem;
}

static bool set_up(struct options *options)
{
    struct fuse_conn_info connection = {0};
    options->ttl = 0.02;
    options->negative_ttl = 0.01;
    options->timeout_ms = 3000;
    options->log_level = CLIENT_LOG_ERROR;
    static struct viewer viewer = {.username = {"ada", 3}};
    fs.viewer = &viewer;
    fs.options = options;
    fs.on_ready = ready;
    fs.mounted = clock_nanoseconds();
    fs.log = log_open("/dev/null", CLIENT_LOG_ERROR);
    fs.journal = journal_new();
    fs.fetches = fetches_new(WORKERS, dropped_in_keep_removed);
    fs.requests = requests_new();
    fs.kernel_cache = kernel_cache_new();
    fs.queries = queries_new();
    fs.passthrough = passthrough_new(&(struct passthrough_config){.wanted = false});
    options->no_cache = true;
    if (!read_file_start(&fs) || !fs.log || !fs.journal || !fs.fetches || !fs.requests ||
        !fs.kernel_cache || !fs.queries || !fs.passthrough || !nodes_init(&fs.nodes, 7))
        return false;
    fs.control = node_install(&fs.nodes, (struct place){fs.nodes.root, 200}, NODE_CONTROL,
                              NAME_OF_CONTROL, NULL, 0, clock_nanoseconds());
    node_hold(&fs.nodes, fs.control);
    kernel_cache_start(fs.kernel_cache, NULL);
    kernel_start(&fs);
    operations.init(&fs, &connection);
    return true;
}

/* As main.c ends a mount. */
static void tear_down(void)
{
    client_shut_down(NULL);
    fetches_cancel_all(fs.fetches);
    read_file_stop(&fs);
    requests_interrupt_all(fs.requests);
}

static int remaining(void)
{
    int held = 0;
    for (uint32_t i = 1; i < fs.nodes.numbers; i++) {
        const struct node *node = node_at(&fs.nodes, i);
        if (node && node->lookups) {
            fprintf(stderr, "stress: %s is still looked up %" PRIu64 " times\n", node->name,
                    node->lookups);
            held++;
        }
    }
    return held + (int)requests_parked(fs.requests);
}

static void release(void)
{
    kernel_cache_stop(fs.kernel_cache);
    fetches_stop(fs.fetches);
    lane_free(fs.data_lane);
    requests_free(fs.requests);
    fetches_free(fs.fetches);
    kernel_cache_free(fs.kernel_cache);
    nodes_release(&fs.nodes);
    read_file_end(&fs);
    queries_free(fs.queries);
    passthrough_free(fs.passthrough);
    journal_free(fs.journal);
    log_close(fs.log);
}

int main(int argc, char **argv)
{
    static struct process processes[PROCESSES];
    struct options options = {0};
    int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5;
    int seed = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
    uint64_t requests, interrupted, failed;
    if (!set_up(&options))
        return 1;
    for (int i = 0; i < PROCESSES; i++) {
        processes[i].pid = seed * 1000 + i;
        if (pthread_create(&processes[i].thread, NULL, process_thread, &processes[i]) != 0)
            return 1;
    }
    nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
    atomic_store(&ending, true);
    tear_down();
    for (int i = 0; i < PROCESSES; i++)
        pthread_join(processes[i].thread, NULL);
    kernel_stop();
    int left = remaining();
    release();
    kernel_figures(&requests, &interrupted, &failed);
    printf("%" PRIu64 " requests, %" PRIu64 " interrupted, %" PRIu64 " failed, %" PRIu64
           " calls of the server, %" PRIu64 " saves, %d left over\n",
           requests, interrupted, failed, server_calls(), server_saves(), left);
    return left != 0 || requests == 0 || server_saves() == 0;
}
