/* SPDX-License-Identifier: MIT */
#include "content/memory_limit.h"

#include "check.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

static char directory[] = "/tmp/registryfs-unit.XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (char *at = path + sizeof directory; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static uint64_t limit_of(const char *membership)
{
    char path[256];
    put("membership", membership);
    snprintf(path, sizeof path, "%s/membership", directory);
    return memory_limit(path, directory);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    CHECK(memory_limit("/nonexistent", directory) == UINT64_MAX);
    CHECK(limit_of("0::/\n") == UINT64_MAX);
    put("memory.max", "max\n");
    put("jobs/memory.max", "67108864\n");
    put("jobs/one/memory.max", "max\n");
    put("jobs/two/memory.max", "1000000\n");
    CHECK(limit_of("0::/jobs/one\n") == 67108864);
    CHECK(limit_of("0::/jobs/two\n") == 1000000);
    CHECK(limit_of("0::/\n") == UINT64_MAX);
    put("memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("memory/jobs/memory.limit_in_bytes", "2097152\n");
    CHECK(limit_of("12:cpu,cpuacct:/x\n7:memory:/jobs/deeper\n1:name=systemd:/\n") == 2097152);
    CHECK(limit_of("7:blkio,memory:/jobs\n") == 2097152);
    /* In a container: its name on the host, its limit at the root of what it sees. */
    put("memory.max", "33554432\n");
    CHECK(limit_of("0::/kubepods/pod7/container\n") == 33554432);
    CHECK(limit_of("nonsense\n:\n1:cpu:/\n") == UINT64_MAX);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_result();
}
