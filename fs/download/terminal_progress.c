/* SPDX-License-Identifier: MIT */
#include "terminal_progress.h"

#include "base/clock.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TERMINAL_MS = 500, LINE_MS = 30000 };

void terminal_progress_begin(struct terminal_progress *progress, bool quiet)
{
    *progress = (struct terminal_progress){
        .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1, .began = clock_milliseconds()};
}

int terminal_progress_interval(const struct terminal_progress *progress)
{
    return progress->terminal ? TERMINAL_MS : LINE_MS;
}

/* "1.5 GiB" */
static void write_size(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    snprintf(text, size, unit && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* "1:02:03" of what is left at this rate; nothing where it cannot be told. */
static void write_time_left(double bytes, double rate, char *text, size_t size)
{
    double seconds = rate > 0 ? bytes / rate : 0;
    text[0] = '\0';
    if (seconds > 0 && seconds < 1e6)
        snprintf(text, size, ", %d:%02d:%02d left", (int)seconds / 3600, (int)seconds / 60 % 60,
                 (int)seconds % 60);
}

/* So that a line stays one. */
static void cut_to_terminal(char *line)
{
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 &&
        strlen(line) >= window.ws_col)
        line[window.ws_col - 1] = '\0';
}

void terminal_progress_show(const struct terminal_progress *progress, struct log *log,
                            const struct download_figures *figures, size_t files)
{
    int64_t now = clock_milliseconds();
    char done[32], all[32], rate[32], left[48], line[256];
    if (progress->quiet)
        return;
    double seconds = (double)(now - progress->began) / 1000;
    double per_second = seconds > 0 ? (double)figures->done / seconds : 0;
    double rest = figures->bytes > figures->done ? (double)(figures->bytes - figures->done) : 0;
    double part = figures->bytes ? 100.0 * (double)figures->done / (double)figures->bytes : 100;
    write_size((double)figures->done, done, sizeof done);
    write_size((double)figures->bytes, all, sizeof all);
    write_size(per_second, rate, sizeof rate);
    write_time_left(rest, per_second, left, sizeof left);
    snprintf(line, sizeof line, "registryfs: %.0f %%, %s of %s, %s/s%s, %u of %zu files",
             part > 100 ? 100 : part, done, all, rate, left, figures->files, files);
    if (progress->terminal) {
        cut_to_terminal(line);
        log_show_progress(log, line);
    } else {
        fprintf(stderr, "%s\n", line);
    }
}
