/* SPDX-License-Identifier: MIT */
#include "brief_lock.h"

#include "base/banned.h"
#include "base/clock.h"

#include <errno.h>
#include <sys/file.h>

enum { LONGEST_NAP_MS = 16 };

bool lock_within(int descriptor, int operation, int milliseconds)
{
    int64_t until = clock_milliseconds() + milliseconds;
    for (int nap = 1;; nap = nap < LONGEST_NAP_MS ? 2 * nap : LONGEST_NAP_MS) {
        if (flock(descriptor, operation | LOCK_NB) == 0)
            return true;
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_milliseconds() >= until)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = nap * 1000000L}, NULL);
    }
}
