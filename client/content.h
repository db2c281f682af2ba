/* SPDX-License-Identifier: MIT */
/*
 * The files of a version and their bytes (protocol 8). Blocking calls with the
 * conventions of client.h.
 */
#ifndef CLIENT_CONTENT_H
#define CLIENT_CONTENT_H

#include "base/md5.h"
#include "client.h"

struct artifact_file {
    struct object object;
    struct text path;       /* clean and relative: no part is empty, "." or ".." */
    struct text reference;  /* URL; null: none */
    struct text updated_at; /* null: unknown, as for references */
    struct text url;        /* signed, as of when it was listed; null: to be asked for */
    struct text birth;      /* birthArtifactID, where the manifest was read; else null */
    struct text stored_in;  /* of a reference that was followed: the artifact that has the bytes, a
                               line feed, and their path there. One text: 200,000 files have none */
    int64_t size;           /* bytes; -1: the server's number cannot be true */
    unsigned char md5[MD5_SIZE];
    bool has_md5;
    bool stored;    /* the bytes are known to be stored with W&B: nothing else is ever fetched */
    bool is_folder; /* never the client's: for those who put folders among files */
};

struct manifest;

/* Where a listing of files stands. Start with zeros. */
struct file_pages {
    struct page page; /* page.done: all files were listed */
    int64_t counted;  /* files that the server has named so far, also those left out */
    bool started;
    bool left_out;             /* some were */
    int route;                 /* the client's own */
    struct manifest *manifest; /* owned; NULL: not needed so far */
};
void file_pages_release(struct file_pages *pages);
#define cleanup_file_pages cleanup(file_pages_release)

/* Appends the next page of files to those that the earlier calls found. Those whose path is not
 * clean are left out and reported. With the last page the list becomes exactly what the manifest
 * says, references included, ordered by path; the manifest is read unless the digests of the files
 * prove that they are all. */
int client_list_files(struct client *client, struct call *call, const struct version *version,
                      struct file_pages *pages, struct object_list *found);

struct buf;
/* The manifest of a version as it is stored, with one request and one GET, and the files that it
 * names, references included, ordered by path; those whose path is not clean are left out and
 * reported. Text and list start with zeros and are the caller's, also after a failure.
 * ERROR_NOT_FOUND: it has none. */
int client_read_manifest(struct client *client, struct call *call, const struct version *version,
                         struct buf *text, struct object_list *files);

/* One file by its path, without a listing; costs two requests more when the server's word alone
 * does not tell whether it is stored. ERROR_NOT_FOUND also for folders and for references that the
 * server does not list. */
int client_get_file(struct client *client, struct call *call, const struct version *version,
                    struct text path, struct artifact_file **file);

/* Whether the reference leads to a file of another version (protocol 8.5), so that it is followed.
 */
bool reference_is_followed(struct text reference);
/* Follows it, over other references if need be: *resolved is the file with what is known of the
 * bytes in the end. ERROR_REMOTE: they are outside of W&B; ERROR_SERVER: it goes round in circles,
 * or leads to something of another size. */
int client_resolve_file(struct client *client, struct call *call, const struct version *version,
                        const struct artifact_file *file, struct artifact_file **resolved);

/* One request for all that a mount of one version needs: whether the credentials are good, what the
 * server offers, version `number` (vN) of the collection, and its files, where they are so few that
 * all of them come in the same answer. Of the registry its entity and full name count. With
 * error->refused the server is too old for it: ask step by step. */
int client_open_version(struct client *client, struct call *call, const struct registry *registry,
                        struct text collection, struct text number, struct viewer **viewer,
                        struct version **version, struct object_list *files);

/* Appends a version and its files as a text that holds no URL that was signed and no credentials.
 * False: no memory. Asks nobody. */
bool client_write_resolved(const struct client *client, const struct version *version,
                           const struct object_list *files, struct buf *text);
/* Reads such a text, which is changed. ERROR_INVALID: it is none, or of another server. */
int client_read_resolved(const struct client *client, struct buf *text, struct version **version,
                         struct object_list *files, struct error *error);

/* --- bytes --- */

/* Ranges that are read ahead had better not cross multiples of so many bytes; 0: it does not
 * matter. */
uint64_t client_content_alignment(const struct client *client);
/* In so many ways a content can be had, each worth a try when the others brought it wrong. */
unsigned client_content_ways(const struct client *client);

struct file_source; /* where the bytes of one file are; shared by any number of threads */

/* Asks nobody. ERROR_REMOTE: a reference that was not resolved, or what may be one. Keeps the
 * version and the file. */
int file_source_new(struct client *client, const struct version *version,
                    const struct artifact_file *file, struct error *error,
                    struct file_source **source);
void file_source_free(struct file_source *source);

uint64_t file_source_size(const struct file_source *source);
/* NULL: unknown. */
const unsigned char *file_source_md5(const struct file_source *source);

/* Takes the next bytes; false ends the transfer, with call->error set or not. */
typedef bool content_sink(void *context, const char *bytes, size_t size);

/*
 * Delivers exactly the bytes from offset to offset + length, in order, each once, or fails. Signed
 * URLs that have expired are renewed, transfers that broke off are taken up where they ended, the
 * W&B host is asked when the storage has nothing to give (protocol 8.3). Where there are content
 * proxies these are asked, and the storage only where DIRECT is among them. Ends within about 45 s
 * without progress. Bytes of a wrong length or from a wrong place are never delivered; whether the
 * content has its digest is the caller's to check.
 */
int file_source_read(struct file_source *source, struct call *call, uint64_t offset,
                     uint64_t length, content_sink *sink, void *context);

/* What came of the content does not have its digest: content proxies are asked under another name
 * for it from now on, by all sources of this client. */
void file_source_distrust(struct file_source *source);

#endif
