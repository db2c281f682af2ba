/* SPDX-License-Identifier: MIT */
/*
 * hello TREE MOUNTPOINT [OPTION…]: what libfuse's own example is, with a tree that is as large as
 * wanted: a copy of the directory TREE, in memory. Written as most filesystems are, with the
 * high-level API: what the benchmark compares with.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUCKETS = 1 << 18, OPEN_DIRECTORIES = 64 };

struct file {
    struct file *next_in_bucket;
    struct file *first_child, *next_sibling;
    struct stat attributes;
    char *content; /* of a file, or a symlink's target */
    const char *name;
    char path[];
};

static struct file *buckets[BUCKETS];
static size_t root_length;

static struct file **bucket_of(const char *path, size_t length)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)path[i]) * 1099511628211u;
    return &buckets[(hash ^ hash >> 32) % BUCKETS];
}

static struct file *find_first(const char *path, size_t length)
{
    struct file *file = *bucket_of(path, length);
    while (file && (strlen(file->path) != length || memcmp(file->path, path, length) != 0))
        file = file->next_in_bucket;
    return file;
}

static struct file *find(const char *path)
{
    return find_first(path, strlen(path));
}

static int read_content(const char *path, struct file *file)
{
    size_t size = (size_t)file->attributes.st_size;
    ssize_t got = -1;
    file->content = calloc(1, size + 1);
    if (!file->content || S_ISDIR(file->attributes.st_mode))
        return file->content ? 0 : -1;
    if (S_ISLNK(file->attributes.st_mode))
        return readlink(path, file->content, size) < 0 ? -1 : 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        got = read(descriptor, file->content, size);
        close(descriptor);
    }
    return got < 0 ? -1 : 0;
}

static int add(const char *path, const struct stat *attributes, int type, struct FTW *where)
{
    (void)type;
    const char *inside = path[root_length] ? path + root_length : "/";
    struct file *file = calloc(1, sizeof *file + strlen(inside) + 1);
    if (!file)
        return -1;
    memcpy(file->path, inside, strlen(inside) + 1);
    file->name = strrchr(file->path, '/') + 1;
    file->attributes = *attributes;
    struct file **bucket = bucket_of(file->path, strlen(file->path));
    file->next_in_bucket = *bucket;
    *bucket = file;
    if (where->level > 0) {
        size_t length = (size_t)(file->name - file->path) - 1;
        struct file *parent = find_first(file->path, length ? length : 1);
        file->next_sibling = parent->first_child;
        parent->first_child = file;
    }
    return read_content(path, file);
}

static int get_attributes(const char *path, struct stat *attributes, struct fuse_file_info *info)
{
    (void)info;
    const struct file *file = find(path);
    if (!file)
        return -ENOENT;
    *attributes = file->attributes;
    return 0;
}

static int read_link(const char *path, char *target, size_t size)
{
    const struct file *file = find(path);
    if (!file)
        return -ENOENT;
    snprintf(target, size, "%s", file->content);
    return 0;
}

static int list(const char *path, void *entries, fuse_fill_dir_t fill, off_t offset,
                struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    (void)offset, (void)info, (void)flags;
    const struct file *file = find(path);
    if (!file)
        return -ENOENT;
    fill(entries, ".", NULL, 0, 0);
    fill(entries, "..", NULL, 0, 0);
    for (const struct file *child = file->first_child; child; child = child->next_sibling)
        fill(entries, child->name, &child->attributes, 0, FUSE_FILL_DIR_PLUS);
    return 0;
}

static int read_file(const char *path, char *bytes, size_t size, off_t offset,
                     struct fuse_file_info *info)
{
    (void)info;
    const struct file *file = find(path);
    if (!file)
        return -ENOENT;
    size_t all = (size_t)file->attributes.st_size, from = (size_t)offset;
    if (from >= all)
        return 0;
    size_t count = size < all - from ? size : all - from;
    memcpy(bytes, file->content + from, count);
    return (int)count;
}

static const struct fuse_operations hello = {
    .getattr = get_attributes,
    .readlink = read_link,
    .readdir = list,
    .read = read_file,
};

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: hello TREE MOUNTPOINT [OPTION...]\n");
        return 1;
    }
    root_length = strlen(argv[1]);
    if (nftw(argv[1], add, OPEN_DIRECTORIES, FTW_PHYS) != 0) {
        fprintf(stderr, "hello: cannot read %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    argv[1] = argv[0];
    return fuse_main(argc - 1, argv + 1, &hello, NULL);
}
