/* SPDX-License-Identifier: MIT */
/*
 * The inode table: one node for each object that the kernel or a request knows,
 * with its lookup count and what was last read of it. Attribute files and
 * fixed subdirectories are members of their object's node, so that a version
 * with its twenty files is one node.
 *
 * Everything here needs nodes->lock unless it says otherwise. The lock is the
 * outermost: others may be taken under it, it is taken under none. It is never
 * held across a reply, a system call or a client call.
 *
 * Nodes are freed in nodes_trim() and nowhere else: whoever walks over nodes,
 * their facets or children may install, remove, drop and rename as it goes.
 * What is to outlast the lock needs a hold or a lookup.
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include "listing.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum node_kind {
    NODE_ROOT,
    NODE_CONTROL,
    NODE_ORGANIZATION,
    NODE_REGISTRY,
    NODE_COLLECTION,
    NODE_VERSION,
    NODE_LINK,       /* a symlink to a version: an alias, or an entry of a registry's versions/ */
    NODE_LOCAL,      /* in memory only (local.h): a scratch file, an unsaved text */
    NODE_FILE,       /* a file of an artifact, or a folder of such */
    NODE_PROVENANCE, /* a file of a version's lineage/ (provenance.h) */
    NODE_ROSTER,     /* users/ or teams/ of a registry's members/ (roster.h) */
    NODE_ROLE,       /* a file of one of these: what a person or a team may do */
    /* Results of queries (query.h): symlinks, and the directories of them. Entries that are
     * versions are NODE_LINK. */
    NODE_REGISTRY_LINK,
    NODE_COLLECTION_LINK,
    NODE_REGISTRY_QUERY,
    NODE_COLLECTION_QUERY,
    NODE_VERSION_QUERY,
    NODE_KINDS
};

/* Which part of a node a directory entry is: the node's own directory, or a row of the member
 * table. */
enum { MEMBER_SELF = 0 };

/* What is known of the entries of one directory of a node. */
struct facet {
    struct facet *next;
    struct listing *listing; /* a reference; NULL: never listed */
    struct listing *growing; /* a reference to one that is not complete; NULL: none */
    int64_t changed;         /* a listing from before does not show a change of our own */
    int64_t forgotten;       /* nothing in this directory that was read before is fresh (touch) */
    int64_t failed;          /* when asking the server last failed */
    unsigned singles;        /* entries asked for one by one since the last listing */
    unsigned burst;          /* entries asked for one by one within a second, and since when */
    int64_t burst_began;
    unsigned
        walked; /* of collections/: how many were asked for their versions singly, and since when */
    int64_t walk_began;
    bool descended;    /* of an organization: who opened it goes into collections */
    int64_t shown;     /* as of when the kernel's copy of the entries is; 0: it has none */
    unsigned showing;  /* open handles that its copy is made of */
    int32_t opened_by; /* process that last opened it as a directory, and when */
    int64_t opened;
    struct deeds *deeds; /* who has just done what to it (callers.h); owned, NULL: nobody */
    void *own;           /* what another module keeps here; owned */
    void (*free_own)(void *own);
    uint8_t member;
};

struct node {
    struct node *parent; /* one hold; NULL for the root */
    struct node *first_child;
    struct node *next_sibling, **link_to_this;
    struct node *next_in_bucket;
    struct node *newer, *older; /* list of the unused */
    struct facet *facets;
    void *object; /* a reference to what the server said; NULL for root and control */
    char *name;   /* file name in its directory */
    int64_t fetched;
    int64_t changed;       /* an answer to what was asked before this does not show our change */
    int64_t forgotten;     /* nothing below that was read before this is fresh */
    int64_t failed;        /* when reading it again last failed */
    int64_t missing_until; /* up to when the kernel may know that a name is missing in it */
    uint64_t identity;     /* what its inode numbers are made from; stable across mounts */
    uint64_t origin;     /* which object it stands for; not `identity` after a rename of our own */
    uint64_t lookups;    /* the kernel's references, members included */
    uint64_t pages;      /* members, as bits, whose text the kernel may have of this very object */
    uint64_t told;       /* members, as bits of node_bit, of which the kernel may have attributes */
    uint32_t readers;    /* open handles whose text of a member the kernel keeps pages of */
    uint32_t holds;      /* children, requests, open files */
    uint32_t number;     /* the node id's upper part */
    uint32_t generation; /* tells it from others that have had its number, in any mount */
    uint8_t kind;
    uint8_t member; /* the directory of the parent that it is in */
    bool gone;      /* not found by its name any more */
    bool rejected;  /* a file whose content was found wrong: gone, but for who has it open */
    bool unused;    /* in the list of the unused */
    bool named;     /* the kernel may have its name, or one of its members' */
};

/* One directory entry: a node and which part of it. */
struct place {
    struct node *node;
    uint8_t member;
};

struct nodes {
    pthread_mutex_t lock;
    struct node **by_number;
    uint32_t numbers, numbers_capacity, free_number;
    uint32_t next_generation; /* begins at random: kept file handles outlive a mount */
    struct node **buckets;
    size_t bucket_count, named;
    struct node *oldest_unused, *newest_unused;
    size_t unused;
    size_t count;
    bool registry_went; /* one that has children is not found any more (dropped_in.h) */
    struct node *root;
    struct place mount_root; /* what node id 1 stands for; one hold */
};

/* `seed` makes inode numbers differ between servers. False: no memory. */
bool nodes_init(struct nodes *nodes, uint64_t seed);
void nodes_release(struct nodes *nodes);

uint64_t node_id(const struct nodes *nodes, struct place place);
/* For sets of a node's members. */
static inline uint64_t node_bit(uint8_t member)
{
    return UINT64_C(1) << (member % 64);
}
/* Frees the oldest of the nodes that nobody refers to, but for some thousands, and all of them that
 * cannot be found again. For whoever has just taken the lock, or is about to give it up, and has no
 * pointer to a node that nothing holds. */
void nodes_trim(struct nodes *nodes);

/* The node that has the number; NULL: none. */
struct node *node_at(const struct nodes *nodes, uint64_t number);
/* The place of a node id that the kernel holds; node NULL for one that stands for nothing. */
struct place node_place(const struct nodes *nodes, uint64_t id);
uint64_t node_inode_number(struct place place);

/* The object of that name; queries (query.h) are found apart. */
struct node *node_find(const struct nodes *nodes, const struct node *parent, uint8_t member,
                       const char *name);
struct node *node_find_query(const struct nodes *nodes, const struct node *parent, uint8_t member,
                             const char *name);
/* Finds or makes the child and gives it the object with its time, unless it has newer. `identity`
 * tells objects of one kind apart by the server's id. NULL: no memory. */
struct node *node_install(struct nodes *nodes, struct place directory, enum node_kind kind,
                          const char *name, const void *object, uint64_t identity, int64_t fetched);
/* Gives the node the object that a change of our own, asked for at `fetched`, has made of it, under
 * whatever id. */
void node_become(struct node *node, const void *object, uint64_t identity, int64_t fetched);
/* Whether what was asked for at `asked` says nothing of the node: it has newer. */
static inline bool node_is_newer(const struct node *node, int64_t asked)
{
    return node->fetched > asked || node->changed > asked;
}
/* Takes the node out of its directory: the server does not have it any more. */
void node_remove(struct nodes *nodes, struct node *node);
/* Gives the node another name in its directory; what had that name is removed. False: no memory. */
bool node_rename(struct nodes *nodes, struct node *node, const char *name);

void node_hold(struct nodes *nodes, struct node *node);
void node_drop(struct nodes *nodes, struct node *node);
void node_add_lookup(struct nodes *nodes, struct node *node);
void node_forget(struct nodes *nodes, struct node *node, uint64_t lookups);

/* The facet, made when it is not there; NULL: no memory. */
struct facet *node_facet(struct node *node, uint8_t member);
const struct facet *node_find_facet(const struct node *node, uint8_t member);

static inline bool kind_is_query(enum node_kind kind)
{
    return kind == NODE_REGISTRY_QUERY || kind == NODE_COLLECTION_QUERY ||
           kind == NODE_VERSION_QUERY;
}

static inline bool node_is_query(const struct node *node)
{
    return kind_is_query(node->kind);
}

/* The nearest node upwards (itself included) of that kind; NULL when there is none. */
struct node *node_ancestor(struct node *node, enum node_kind kind);

#endif
