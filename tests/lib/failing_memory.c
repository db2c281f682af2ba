/* SPDX-License-Identifier: MIT */
/* Preloaded into a mount: one in FAIL_ONE_IN allocations of the program itself and of its JSON
 * library fails, as long as the first byte of the file FAIL_SWITCH is '1'. FAIL_SEED: which ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

enum { MOST_RANGES = 8 };

static struct {
    uintptr_t from, to;
} ranges[MOST_RANGES];
static unsigned range_count;
static const volatile char *failing;
static uint64_t one_in;
static _Atomic uint64_t state;

/* The program is the first object; it has no name. */
static int note_ranges(struct dl_phdr_info *object, size_t size, void *context)
{
    bool *first = context;
    bool meant = *first || strstr(object->dlpi_name, "libjansson");
    (void)size;
    *first = false;
    for (int i = 0; meant && i < object->dlpi_phnum && range_count < MOST_RANGES; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        ranges[range_count].from = object->dlpi_addr + part->p_vaddr;
        ranges[range_count++].to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FAIL_SWITCH"), *rate = getenv("FAIL_ONE_IN"),
               *seed = getenv("FAIL_SEED");
    bool first = true;
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    one_in = rate ? strtoull(rate, NULL, 10) : 0;
    state = seed ? strtoull(seed, NULL, 10) : 1;
    dl_iterate_phdr(note_ranges, &first);
    void *shared = file >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    if (file >= 0)
        close(file);
    failing = shared != MAP_FAILED ? shared : NULL;
}

static bool fails(const void *caller)
{
    bool meant = false;
    if (!failing || *failing != '1' || one_in == 0)
        return false;
    for (unsigned i = 0; i < range_count; i++)
        meant |= (uintptr_t)caller >= ranges[i].from && (uintptr_t)caller < ranges[i].to;
    if (!meant)
        return false;
    uint64_t number = atomic_fetch_add(&state, UINT64_C(0x9e3779b97f4a7c15));
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    if ((number ^ (number >> 31)) % one_in != 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

static char *copy(const char *text, size_t length)
{
    char *result = __libc_malloc(length + 1);
    if (result) {
        memcpy(result, text, length);
        result[length] = '\0';
    }
    return result;
}

char *strdup(const char *text)
{
    return fails(__builtin_return_address(0)) ? NULL : copy(text, strlen(text));
}

char *strndup(const char *text, size_t most)
{
    return fails(__builtin_return_address(0)) ? NULL : copy(text, strnlen(text, most));
}
