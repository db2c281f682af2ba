/* SPDX-License-Identifier: MIT */
#include "caller_signals.h"

#include "base/banned.h"
#include "process_file.h"

#include <signal.h>
#include <stdint.h>

enum { STATUS_SIZE = 8192 };

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

/* The mask of a line such as "SigPnd:\t0000000000000000"; 0 when it is not there. */
static uint64_t read_mask(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

/* Whose default action ends no process. */
static bool ends_by_default(int number)
{
    switch (number) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return false;
    default:
        return true;
    }
}

/* By these a person or a supervisor asks for an end, whether or not a program catches them. */
static uint64_t asks_for_end(void)
{
    return bit(SIGINT) | bit(SIGQUIT) | bit(SIGTERM) | bit(SIGHUP) | bit(SIGKILL);
}

bool signals_are_harmless(pid_t thread)
{
    char status[STATUS_SIZE];
    if (!process_file_read(thread, "status", status, sizeof status))
        return false;
    uint64_t pending = read_mask(status, "\nSigPnd:") | read_mask(status, "\nShdPnd:");
    /* A blocked or ignored signal interrupts nothing. */
    pending &= ~(read_mask(status, "\nSigBlk:") | read_mask(status, "\nSigIgn:"));
    if (pending & asks_for_end())
        return false;
    uint64_t uncaught = pending & ~read_mask(status, "\nSigCgt:");
    for (int number = 1; number <= 64; number++) {
        if ((uncaught & bit(number)) && ends_by_default(number))
            return false;
    }
    return true;
}
