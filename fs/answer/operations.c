/* SPDX-License-Identifier: MIT */
#include "operations.h"

#include "directories.h"
#include "edit/registry_change.h"
#include "files.h"
#include "inode/filesystem.h"
#include "names.h"
#include "scratch.h"
#include "setattr.h"
#include "tree/passthrough.h"
#include "wait/session_loop.h"
#include "write.h"

#include <errno.h>
#include <sys/utsname.h>

enum {
    MOST_BACKGROUND = 64, /* reads ahead that the kernel may have under way; 12 by default */
    BLOCK_SIZE = 4096,
};

static struct request new_request(fuse_req_t fuse, request_body *body, const char *operation,
                                  fuse_ino_t id, const char *name)
{
    return (struct request){.fs = fuse_req_userdata(fuse),
                            .fuse = fuse,
                            .body = body,
                            .operation = operation,
                            .id = id,
                            .name = name};
}

static struct request with_file(struct request request, const struct fuse_file_info *file)
{
    if (file) {
        request.file = *file;
        request.has_file = true;
    }
    return request;
}

/* Linux 6.9 to 6.12 do not drop the entries that they keep of a directory when opendir says so. */
static bool kernel_drops_listings(void)
{
    struct utsname running;
    int major = 0, minor = 0;
    if (uname(&running) != 0 || sscanf(running.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major != 6 || minor < 9 || minor > 12;
}

/* For what may take longer than an answer from memory. */
static void start_aside(struct request *request)
{
    session_loop_step_aside();
    request_start(request);
}

static void do_init(void *context, struct fuse_conn_info *connection)
{
    struct filesystem *fs = context;
    fs->kernel_keeps_listings = kernel_drops_listings();
    connection->max_background = MOST_BACKGROUND;
    connection->congestion_threshold = MOST_BACKGROUND * 3 / 4;
    connection->max_read = MOST_READ; /* as the mount option says */
    connection->time_gran = 1;
    passthrough_agree(fs->passthrough, connection);
    fs->on_ready(fs);
}

static void do_lookup(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    struct request request = new_request(fuse, lookup_body, "lookup", parent, name);
    request_start(&request);
}

static void forget_one(struct filesystem *fs, fuse_ino_t id, uint64_t lookups)
{
    struct place place = node_place(&fs->nodes, id);
    if (place.node)
        node_forget(&fs->nodes, place.node, lookups);
}

static void do_forget(fuse_req_t fuse, fuse_ino_t id, uint64_t lookups)
{
    struct filesystem *fs = fuse_req_userdata(fuse);
    pthread_mutex_lock(&fs->nodes.lock);
    forget_one(fs, id, lookups);
    nodes_trim(&fs->nodes);
    pthread_mutex_unlock(&fs->nodes.lock);
    fuse_reply_none(fuse);
}

static void do_forget_multi(fuse_req_t fuse, size_t count, struct fuse_forget_data *forgets)
{
    struct filesystem *fs = fuse_req_userdata(fuse);
    pthread_mutex_lock(&fs->nodes.lock);
    for (size_t i = 0; i < count; i++)
        forget_one(fs, forgets[i].ino, forgets[i].nlookup);
    nodes_trim(&fs->nodes);
    pthread_mutex_unlock(&fs->nodes.lock);
    fuse_reply_none(fuse);
}

static void do_getattr(fuse_req_t fuse, fuse_ino_t id, struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, getattr_body, "getattr", id, NULL), file);
    request_start(&request);
}

static void do_setattr(fuse_req_t fuse, fuse_ino_t id, struct stat *attributes, int to_set,
                       struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, setattr_body, "setattr", id, NULL), file);
    request.flags = (unsigned)to_set;
    request.attributes = *attributes;
    start_aside(&request);
}

static void do_readlink(fuse_req_t fuse, fuse_ino_t id)
{
    struct request request = new_request(fuse, readlink_body, "readlink", id, NULL);
    request_start(&request);
}

static void do_access(fuse_req_t fuse, fuse_ino_t id, int mask)
{
    struct request request = new_request(fuse, access_body, "access", id, NULL);
    request.flags = (unsigned)mask;
    request_start(&request);
}

static void do_opendir(fuse_req_t fuse, fuse_ino_t id, struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, opendir_body, "opendir", id, NULL), file);
    request_start(&request);
}

static void do_readdir(fuse_req_t fuse, fuse_ino_t id, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, readdir_body, "readdir", id, NULL), file);
    request.size = size;
    request.offset = offset;
    request_start(&request);
}

static void do_readdirplus(fuse_req_t fuse, fuse_ino_t id, size_t size, off_t offset,
                           struct fuse_file_info *file)
{
    struct request request =
        with_file(new_request(fuse, readdirplus_body, "readdir", id, NULL), file);
    request.size = size;
    request.offset = offset;
    request_start(&request);
}

static void do_releasedir(fuse_req_t fuse, fuse_ino_t id, struct fuse_file_info *file)
{
    struct request request =
        with_file(new_request(fuse, releasedir_body, "releasedir", id, NULL), file);
    releasedir_body(&request);
    fuse_reply_err(fuse, 0);
}

static void do_open(fuse_req_t fuse, fuse_ino_t id, struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, open_body, "open", id, NULL), file);
    request_start(&request);
}

static void do_read(fuse_req_t fuse, fuse_ino_t id, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, read_body, "read", id, NULL), file);
    request.size = size;
    request.offset = offset;
    request_start(&request);
}

static void do_release(fuse_req_t fuse, fuse_ino_t id, struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, release_body, "release", id, NULL), file);
    request_start(&request);
}

/* Room is what programs look for before they write; there is no figure that would be truer. */
static void do_statfs(fuse_req_t fuse, fuse_ino_t id)
{
    (void)id;
    struct statvfs figures = {.f_bsize = BLOCK_SIZE,
                              .f_frsize = BLOCK_SIZE,
                              .f_blocks = 1 << 30,
                              .f_bfree = 1 << 30,
                              .f_bavail = 1 << 30,
                              .f_files = 1 << 30,
                              .f_ffree = 1 << 30,
                              .f_favail = 1 << 30,
                              .f_namemax = NAME_LIMIT};
    fuse_reply_statfs(fuse, &figures);
}

static void do_getxattr(fuse_req_t fuse, fuse_ino_t id, const char *name, size_t size)
{
    struct request request = new_request(fuse, getxattr_body, "getxattr", id, name);
    request.size = size;
    request_start(&request);
}

static void do_listxattr(fuse_req_t fuse, fuse_ino_t id, size_t size)
{
    struct request request = new_request(fuse, listxattr_body, "listxattr", id, NULL);
    request.size = size;
    request_start(&request);
}

static void do_setxattr(fuse_req_t fuse, fuse_ino_t id, const char *name, const char *value,
                        size_t size, int flags)
{
    (void)id, (void)name, (void)value, (void)size, (void)flags;
    fuse_reply_err(fuse, EOPNOTSUPP);
}

static void do_removexattr(fuse_req_t fuse, fuse_ino_t id, const char *name)
{
    (void)id, (void)name;
    fuse_reply_err(fuse, EOPNOTSUPP);
}

static void do_mknod(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode,
                     dev_t device)
{
    (void)device;
    struct request request = new_request(fuse, mknod_body, "mknod", parent, name);
    request.flags = mode;
    start_aside(&request);
}

static void do_mkdir(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct request request = new_request(fuse, mkdir_body, "mkdir", parent, name);
    request.flags = mode;
    start_aside(&request);
}

static void do_unlink(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    struct request request = new_request(fuse, unlink_body, "unlink", parent, name);
    start_aside(&request);
}

static void do_rmdir(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    struct request request = new_request(fuse, rmdir_body, "rmdir", parent, name);
    start_aside(&request);
}

static void do_symlink(fuse_req_t fuse, const char *target, fuse_ino_t parent, const char *name)
{
    struct request request = new_request(fuse, symlink_body, "symlink", parent, name);
    request.other_name = target;
    start_aside(&request);
}

static void do_rename(fuse_req_t fuse, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    struct request request = new_request(fuse, rename_body, "rename", parent, name);
    request.other_id = new_parent;
    request.other_name = new_name;
    request.flags = flags;
    start_aside(&request);
}

static void do_link(fuse_req_t fuse, fuse_ino_t id, fuse_ino_t parent, const char *name)
{
    struct request request = new_request(fuse, link_body, "link", parent, name);
    request.other_id = id;
    start_aside(&request);
}

static void do_create(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *file)
{
    struct request request =
        with_file(new_request(fuse, create_body, "create", parent, name), file);
    request.flags = mode;
    start_aside(&request);
}

static void do_write(fuse_req_t fuse, fuse_ino_t id, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, write_body, "write", id, NULL), file);
    request.data = data;
    request.size = size;
    request.offset = offset;
    start_aside(&request);
}

static void do_flush(fuse_req_t fuse, fuse_ino_t id, struct fuse_file_info *file)
{
    struct request request = with_file(new_request(fuse, flush_body, "flush", id, NULL), file);
    start_aside(&request);
}

static void do_fsync(fuse_req_t fuse, fuse_ino_t id, int only_data, struct fuse_file_info *file)
{
    (void)only_data;
    struct request request = with_file(new_request(fuse, fsync_body, "fsync", id, NULL), file);
    start_aside(&request);
}

/* What was renamed into a directory is saved already. */
static void do_fsyncdir(fuse_req_t fuse, fuse_ino_t id, int only_data, struct fuse_file_info *file)
{
    (void)id, (void)only_data, (void)file;
    fuse_reply_err(fuse, 0);
}

static void do_fallocate(fuse_req_t fuse, fuse_ino_t id, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file)
{
    struct request request =
        with_file(new_request(fuse, fallocate_body, "fallocate", id, NULL), file);
    request.flags = (unsigned)mode;
    request.offset = offset;
    request.size = (size_t)length;
    start_aside(&request);
}

const struct fuse_lowlevel_ops operations = {
    .init = do_init,
    .lookup = do_lookup,
    .forget = do_forget,
    .forget_multi = do_forget_multi,
    .getattr = do_getattr,
    .setattr = do_setattr,
    .readlink = do_readlink,
    .access = do_access,
    .opendir = do_opendir,
    .readdir = do_readdir,
    .readdirplus = do_readdirplus,
    .releasedir = do_releasedir,
    .open = do_open,
    .read = do_read,
    .release = do_release,
    .statfs = do_statfs,
    .getxattr = do_getxattr,
    .listxattr = do_listxattr,
    .setxattr = do_setxattr,
    .removexattr = do_removexattr,
    .mknod = do_mknod,
    .mkdir = do_mkdir,
    .unlink = do_unlink,
    .rmdir = do_rmdir,
    .symlink = do_symlink,
    .rename = do_rename,
    .link = do_link,
    .create = do_create,
    .write = do_write,
    .flush = do_flush,
    .fsync = do_fsync,
    .fsyncdir = do_fsyncdir,
    .fallocate = do_fallocate,
};
