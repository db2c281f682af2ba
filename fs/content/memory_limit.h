/* SPDX-License-Identifier: MIT */
/* What memory this process may have, as its control groups say (cgroups(7)). */
#ifndef FS_MEMORY_LIMIT_H
#define FS_MEMORY_LIMIT_H

#include <stdint.h>

/* The smallest limit in bytes of the groups that `membership` (/proc/self/cgroup) names and of
 * those above them, looked up below `hierarchies` (/sys/fs/cgroup); version 1 and 2. UINT64_MAX:
 * none is set, or none can be read. Blocks on these files only. */
uint64_t memory_limit(const char *membership, const char *hierarchies);

#endif
