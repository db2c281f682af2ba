/* SPDX-License-Identifier: MIT */
#include "run_command.h"

#include "daemon.h"
#include "failure.h"
#include "kernel_mount.h"
#include "mountpoint.h"
#include "namespace.h"
#include "report/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_BY_SIGNAL = 128 };

struct job {
    struct options *options;
    char place[PATH_MAX]; /* the mountpoint */
    bool made_place;
    sigset_t inherited; /* signals that were blocked before */
    int signals;        /* signalfd */
    pid_t mount;        /* 0: has ended and was waited for */
    int mount_result;
    pid_t command;
    int result;
};

static int make_place(struct job *job)
{
    const char *at = job->options->at;
    const char *directory = getenv("TMPDIR");
    char message[PATH_MAX + 128];
    if (at) {
        snprintf(job->place, sizeof job->place, "%s", at);
        job->made_place = mkdir(at, 0700) == 0;
        return 0; /* what is wrong with it, mounting says */
    }
    snprintf(job->place, sizeof job->place, "%.3000s/registryfs-XXXXXX",
             directory && *directory ? directory : "/tmp");
    job->made_place = mkdtemp(job->place) != NULL;
    if (job->made_place)
        return 0;
    snprintf(message, sizeof message, "cannot make a directory in %.3000s (%s): give one with --at",
             directory && *directory ? directory : "/tmp", strerror(errno));
    return fail(EXIT_MOUNT_FAILED, message);
}

static void remove_place(struct job *job)
{
    mountpoint_clear_dead(job->place);
    if (job->made_place)
        rmdir(job->place);
}

/* Signals become readable; SIGCHLD must not be ignored, or nobody can be waited for. */
static bool take_signals(struct job *job)
{
    static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        sigaddset(&set, passed_on[i]);
    signal(SIGCHLD, SIG_DFL);
    if (sigprocmask(SIG_BLOCK, &set, &job->inherited) < 0)
        return false;
    job->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return job->signals >= 0;
}

/* In the child: returns when the mount has ended. */
static int be_mount(struct job *job, pid_t runner, int ready_fd,
                    int (*mount)(struct options *options))
{
    job->options->mountpoint = job->place;
    job->options->foreground = true;
    job->options->ready_fd = ready_fd;
    setsid(); /* Ctrl-C at the terminal is for the command */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != runner)
        return EXIT_MOUNT_FAILED; /* it has ended before it could be noticed */
    sigprocmask(SIG_SETMASK, &job->inherited, NULL);
    return mount(job->options);
}

/* In the child: returns only when the command cannot be started. */
static int be_command(struct job *job)
{
    char **words = job->options->words;
    char message[512];
    sigprocmask(SIG_SETMASK, &job->inherited, NULL);
    setenv("REGISTRYFS_MOUNT", job->place, true);
    if (job->options->no_key)
        unsetenv("WANDB_API_KEY");
    execvp(words[0], words);
    int code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    snprintf(message, sizeof message, "cannot run %.300s: %s", words[0], strerror(errno));
    return fail(code, message);
}

static int result_of(int status)
{
    return WIFSIGNALED(status) ? EXIT_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Also collects orphans: in a container this may be process 1. */
static void collect(struct job *job)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended == job->command) {
            job->command = 0;
            job->result = result_of(status);
        } else if (ended == job->mount) {
            job->mount = 0;
            job->mount_result = result_of(status);
            if (job->command)
                fail(0, "the mount has ended; its files cannot be read any more");
        }
    }
}

/* The next signal's number, 0 for SIGCHLD and for what the terminal has sent to the command, too.
 */
static int next_signal(struct job *job)
{
    struct signalfd_siginfo info;
    if (read(job->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    if (info.ssi_signo == SIGCHLD) {
        collect(job);
        return 0;
    }
    return job->command && info.ssi_code == SI_KERNEL ? 0 : (int)info.ssi_signo;
}

static void end_mount(struct job *job, int signal_number)
{
    if (job->mount)
        kill(job->mount, signal_number);
    while (job->mount)
        next_signal(job);
}

/* True: it answers. False: job->result says why not. */
static bool wait_until_mounted(struct job *job, int ready)
{
    struct pollfd waits[] = {{.fd = ready, .events = POLLIN},
                             {.fd = job->signals, .events = POLLIN}};
    char newline;
    for (;;) {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            return false;
        if (waits[0].revents) {
            if (read(ready, &newline, 1) == 1)
                return true;
            end_mount(job, 0);
            job->result = job->mount_result ? job->mount_result : EXIT_MOUNT_FAILED;
            return false;
        }
        int number = waits[1].revents ? next_signal(job) : 0;
        if (number) {
            end_mount(job, SIGTERM);
            job->result = EXIT_BY_SIGNAL + number;
            return false;
        }
    }
}

/* Starts the command and waits for it; true: this is the command's process, which must end. */
static bool run_to_the_end(struct job *job)
{
    job->command = fork();
    if (job->command == 0) {
        job->result = be_command(job);
        return true;
    }
    if (job->command < 0) {
        job->command = 0;
        job->result = fail(EXIT_SYSTEM, "cannot start another process");
    }
    while (job->command) {
        int number = next_signal(job);
        if (number && job->command)
            kill(job->command, number);
    }
    return false;
}

static int run_job(struct job *job, int (*mount)(struct options *options))
{
    int ready[2];
    if (!take_signals(job) || pipe2(ready, O_CLOEXEC) < 0)
        return fail(EXIT_SYSTEM, strerror(errno));
    pid_t runner = getpid();
    job->mount = fork();
    if (job->mount == 0) {
        close(ready[0]);
        return be_mount(job, runner, ready[1], mount);
    }
    close(ready[1]);
    if (job->mount < 0) {
        remove_place(job);
        return fail(EXIT_SYSTEM, "cannot start another process");
    }
    bool mounted = wait_until_mounted(job, ready[0]);
    close(ready[0]);
    if (mounted) {
        if (run_to_the_end(job))
            return job->result;
        end_mount(job, SIGTERM);
    }
    remove_place(job);
    return job->result;
}

int run_command(struct options *options, int (*mount)(struct options *options))
{
    struct job job = {.options = options, .signals = -1};
    char message[512];
    int code = make_place(&job);
    if (code)
        return code;
    enum namespace_result entered = namespace_enter(message, sizeof message);
    /* With fusermount3 a user can mount without a namespace: seen by others, closed to them. */
    bool helped = entered == NAMESPACE_FORBIDDEN && geteuid() != 0 && kernel_mount_has_helper();
    if (entered != NAMESPACE_ENTERED && !helped) {
        remove_place(&job);
        return fail(EXIT_MOUNT_FAILED, message);
    }
    /* The command could read the key from this process' environment, too. */
    if (options->no_key)
        prctl(PR_SET_DUMPABLE, 0);
    return run_job(&job, mount);
}
