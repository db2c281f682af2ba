/* SPDX-License-Identifier: MIT */
/* Scope-bound release of locals (gcc and clang): `cleanup(free_text) char *p = …`. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

/* For a local that holds malloc memory, of whatever pointer type. */
static inline void free_pointer(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

/* For a local file descriptor; negative means none. */
static inline void close_descriptor(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define cleanup_free  cleanup(free_pointer)
#define cleanup_close cleanup(close_descriptor)

/* Hands a pointer out of a scope that would release it. */
#define steal(pointer)                                                                             \
    __extension__({                                                                                \
        __typeof__(pointer) stolen_ = (pointer);                                                   \
        (pointer) = NULL;                                                                          \
        stolen_;                                                                                   \
    })

#endif
