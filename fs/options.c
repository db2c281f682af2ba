/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum { KERNEL_OPTIONS_CEILING = 4096, HELP_COLUMN = 30, MILLISECONDS = 1000 };

struct option_row {
    const char *name;
    char letter;          /* short form, 0: none */
    const char *argument; /* what --help calls it; NULL: a switch */
    int offset;
    bool (*parse)(const char *text, void *value); /* of the argument */
    const char *help;
};

static bool parse_text(const char *text, void *value)
{
    *(const char **)value = text;
    return *text != '\0';
}

static bool parse_double(const char *text, void *value)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || *end || errno || !(number >= 0) || number > 1e9)
        return false;
    *(double *)value = number;
    return true;
}

static bool parse_timeout(const char *text, void *value)
{
    double seconds;
    if (!parse_double(text, &seconds) || seconds <= 0 || seconds > 3600)
        return false;
    *(int *)value = (int)ceil(seconds * MILLISECONDS);
    return true;
}

static bool parse_number(const char *text, int base, unsigned long most, unsigned long *number)
{
    char *end;
    errno = 0;
    *number = strtoul(text, &end, base);
    return end != text && !*end && !errno && *number <= most && text[0] != '-';
}

static bool parse_id(const char *text, void *value)
{
    unsigned long number;
    if (!parse_number(text, 10, UINT32_MAX - 1, &number))
        return false;
    *(uint32_t *)value = (uint32_t)number;
    return true;
}

static bool parse_umask(const char *text, void *value)
{
    unsigned long number;
    if (!parse_number(text, 8, 0777, &number))
        return false;
    *(mode_t *)value = (mode_t)number;
    return true;
}

static bool parse_descriptor(const char *text, void *value)
{
    unsigned long number;
    if (!parse_number(text, 10, 1 << 20, &number))
        return false;
    *(int *)value = (int)number;
    return true;
}

/* "10G": bytes with a binary unit. */
static bool parse_size(const char *text, void *value)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || errno || !(number >= 0))
        return false;
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    if (*end && (!unit || end[1]))
        return false;
    for (const char *step = units; unit && step <= unit; step++)
        number *= 1024;
    if (number >= 9e18)
        return false;
    *(uint64_t *)value = (uint64_t)number;
    return true;
}

static bool parse_choice(const char *text, const char *const *choices, int count, int *choice)
{
    for (*choice = 0; *choice < count; (*choice)++) {
        if (strcmp(text, choices[*choice]) == 0)
            return true;
    }
    return false;
}

static bool parse_rmdir(const char *text, void *value)
{
    static const char *const choices[] = {"never", "empty", "any"};
    int choice;
    if (!parse_choice(text, choices, 3, &choice))
        return false;
    *(enum rmdir_policy *)value = (enum rmdir_policy)choice;
    return true;
}

static bool parse_verify(const char *text, void *value)
{
    static const char *const choices[] = {"end", "late"};
    int choice;
    if (!parse_choice(text, choices, 2, &choice))
        return false;
    *(enum verify_policy *)value = (enum verify_policy)choice;
    return true;
}

static bool parse_level(const char *text, void *value)
{
    static const char *const choices[] = {"error", "warning", "info", "debug"};
    int choice;
    if (!parse_choice(text, choices, 4, &choice))
        return false;
    *(enum client_log_level *)value = (enum client_log_level)choice;
    return true;
}

#define AT(field) offsetof(struct options, field)

static const struct option_row table[] = {
    {"foreground", 'f', NULL, AT(foreground), NULL, "stay in the foreground, log to stderr"},
    {"debug", 'd', NULL, AT(debug), NULL, "log every kernel request; implies -f"},
    {"ro", 0, NULL, AT(read_only), NULL, "read-only: every change is refused"},
    {"base-url", 0, "URL", AT(base_url), parse_text, "the W&B server (default: as wandb finds it)"},
    {"api-key-file", 0, "FILE", AT(api_key_file), parse_text, "read the API key from a file"},
    {"ttl", 0, "SECONDS", AT(ttl), parse_double, "how old listings and attributes may be (10)"},
    {"negative-ttl", 0, "SECONDS", AT(negative_ttl), parse_double,
     "how long a name stays not there (2)"},
    {"timeout", 0, "SECONDS", AT(timeout_ms), parse_timeout, "for one metadata request (20)"},
    {"cache-dir", 0, "DIR", AT(cache_dir), parse_text,
     "for file contents ($XDG_CACHE_HOME/registryfs)"},
    {"cache-size", 0, "SIZE", AT(cache_size), parse_size, "limit of that cache (10G); 0: none"},
    {"no-cache", 0, NULL, AT(no_cache), NULL, "keep no file contents on disk"},
    {"verify", 0, "end|late", AT(verify), parse_verify,
     "compare large files with their MD5 before their end is shown, or after (end)"},
    {"rmdir", 0, "never|empty|any", AT(rmdir), parse_rmdir,
     "which registries rmdir may delete (empty)"},
    {"uid", 0, "UID", AT(uid), parse_id, "owner of all files (who mounts)"},
    {"gid", 0, "GID", AT(gid), parse_id, "group of all files"},
    {"umask", 0, "MASK", AT(umask), parse_umask, "permissions to take away, octal (0)"},
    {"allow-other", 0, NULL, AT(allow_other), NULL, "let other users in"},
    {"allow-root", 0, NULL, AT(allow_root), NULL, "let root in"},
    {"log-level", 0, "error|warning|info|debug", AT(log_level), parse_level,
     "how much to log (info)"},
    {"log-file", 0, "FILE", AT(log_file), parse_text, "log to a file instead of stderr or syslog"},
    {"ready-fd", 0, "N", AT(ready_fd), parse_descriptor,
     "write a newline to descriptor N once mounted"},
    {"at", 0, "DIR", AT(at), parse_text, "with run: mount there ($REGISTRYFS_MOUNT names it)"},
    {"status", 0, "MOUNTPOINT|SOCKET", AT(status), parse_text,
     "say how that mount is and exit: 0 healthy, 1 degraded, 2 down"},
    {"json", 0, NULL, AT(json), NULL, "with --status: as JSON"},
    {"help", 'h', NULL, AT(help), NULL, "print this and exit"},
    {"version", 'V', NULL, AT(version), NULL, "print the version and exit"},
};

enum { ROWS = sizeof table / sizeof table[0] };

/* Options that mount(8) and the kernel know. */
static const char *const kernel_options[] = {"dev",     "nodev",  "suid",  "nosuid",
                                             "exec",    "noexec", "atime", "noatime",
                                             "dirsync", "sync",   "async"};
/* Options of fstab(5) that are for others than the mount itself. */
static const char *const ignored_options[] = {"rw",      "defaults", "auto",    "noauto",
                                              "user",    "users",    "nouser",  "owner",
                                              "_netdev", "nofail",   "relatime"};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* `-` and `_` are alike. */
static bool same_name(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char left = a[i] == '_' ? '-' : a[i];
        char right = b[i] == '_' ? '-' : b[i];
        if (left != right)
            return false;
    }
    return b[length] == '\0';
}

static const struct option_row *find_row(const char *name, size_t length)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strlen(table[i].name) == length && same_name(name, table[i].name, length))
            return &table[i];
    }
    return NULL;
}

static int take(struct options *options, const struct option_row *row, const char *argument,
                struct error *error)
{
    void *value = (char *)options + row->offset;
    if (!row->argument) {
        if (argument)
            return error_set(error, ERROR_INVALID, "option %s takes no value", row->name);
        *(bool *)value = true;
        return 0;
    }
    if (!argument)
        return error_set(error, ERROR_INVALID, "option %s needs a value: %s", row->name,
                         row->argument);
    if (!row->parse(argument, value))
        return error_set(error, ERROR_INVALID, "option %s: not a valid %s: %.100s", row->name,
                         row->argument, argument);
    return 0;
}

static int unknown(const char *option, struct error *error)
{
    /* Without its value: that may be a key which somebody tried to give. */
    int length = (int)strcspn(option, "=");
    return error_set(error, ERROR_INVALID, "unknown option %.*s; try --help",
                     length > 100 ? 100 : length, option);
}

/* One of `-o a,b=c`. */
static int take_mount_option(struct options *options, char *option, struct error *error)
{
    size_t length = strcspn(option, "=");
    const struct option_row *row = find_row(option, length);
    if (row)
        return take(options, row, option[length] ? option + length + 1 : NULL, error);
    if (is_one_of(option, kernel_options, sizeof kernel_options / sizeof *kernel_options))
        return buf_printf(&options->kernel, ",%s", option)
                   ? 0
                   : error_set(error, ERROR_INVALID, "too many mount options");
    if (is_one_of(option, ignored_options, sizeof ignored_options / sizeof *ignored_options) ||
        strncmp(option, "x-", 2) == 0 || strncmp(option, "comment=", 8) == 0)
        return 0;
    return unknown(option, error);
}

static int take_mount_options(struct options *options, char *list, struct error *error)
{
    for (char *option = list; option;) {
        char *comma = strchr(option, ',');
        if (comma)
            *comma = '\0';
        if (*option && take_mount_option(options, option, error) < 0)
            return -1;
        option = comma ? comma + 1 : NULL;
    }
    return 0;
}

/* A word that begins with `-`. Moves *at on when the value is the next word. */
static int take_word(struct options *options, int argc, char **argv, int *at, struct error *error)
{
    char *word = argv[*at];
    const struct option_row *row = NULL;
    char *argument = NULL;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        row = find_row(word + 2, length);
        argument = word[2 + length] ? word + 3 + length : NULL;
    } else if (word[1] == 'o') {
        char *list = word[2] ? word + 2 : *at + 1 < argc ? argv[++*at] : NULL;
        return list ? take_mount_options(options, list, error)
                    : error_set(error, ERROR_INVALID, "option -o needs a value");
    } else {
        for (size_t i = 0; i < ROWS && !word[2]; i++) {
            if (table[i].letter && table[i].letter == word[1])
                row = &table[i];
        }
    }
    if (!row)
        return unknown(word, error);
    if (row->argument && !argument && *at + 1 < argc)
        argument = argv[++*at];
    return take(options, row, argument, error);
}

/* Options that go together or do not. */
static int check_combination(const struct options *options, struct error *error)
{
    if (options->json && !options->status)
        return error_set(error, ERROR_INVALID, "option json goes with --status");
    if (options->at && !options->command)
        return error_set(error, ERROR_INVALID,
                         "option at goes with run: registryfs run [SOURCE] --at DIR -- COMMAND");
    if (options->allow_other && options->allow_root)
        return error_set(error, ERROR_INVALID,
                         "allow_other and allow_root exclude each other: give one");
    return 0;
}

/* fstab(5) has no way to leave the source out. */
static bool means_everything(const char *source)
{
    return strcmp(source, "/") == 0 || strcmp(source, "registryfs") == 0;
}

static int take_operands(struct options *options, int count, const char *const *operands,
                         struct error *error)
{
    bool mounts_here = !options->command && !options->status;
    int most = options->status ? 0 : options->command ? 1 : 2;
    if (options->help || options->version)
        return 0;
    if (check_combination(options, error) < 0)
        return -1;
    if (options->command && !options->command[0])
        return error_set(error, ERROR_INVALID, "no command given after --; try --help");
    if (mounts_here && count == 0)
        return error_set(error, ERROR_INVALID, "no mountpoint given; try --help");
    if (count > most)
        return error_set(error, ERROR_INVALID, "too many arguments: %.100s; try --help",
                         operands[most]);
    if (mounts_here)
        options->mountpoint = operands[--count];
    if (count && !means_everything(operands[0]))
        options->source = operands[0];
    return 0;
}

/* `run WORDS -- COMMAND…`: sets the command and returns the number of words in front of it; argc
 * when this is no such line. Without `--`, "run" is a SOURCE like any other. */
static int take_command(struct options *options, int argc, char **argv)
{
    for (int at = 2; at < argc && strcmp(argv[1], "run") == 0; at++) {
        if (strcmp(argv[at], "--") != 0)
            continue;
        options->command = argv + at + 1;
        options->log_level = CLIENT_LOG_WARNING; /* the terminal is the command's */
        return at;
    }
    return argc;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
    *options = (struct options){
        .ttl = 10,
        .negative_ttl = 2,
        .timeout_ms = 20 * MILLISECONDS,
        .cache_size = UINT64_C(10) << 30,
        .rmdir = RMDIR_EMPTY,
        .log_level = CLIENT_LOG_INFO,
        .uid = getuid(),
        .gid = getgid(),
        .ready_fd = -1,
    };
    buf_init(&options->kernel, KERNEL_OPTIONS_CEILING);
    const char *operands[3];
    int count = 0;
    bool only_operands = false;
    argc = take_command(options, argc, argv);
    for (int at = options->command ? 2 : 1; at < argc; at++) {
        if (!only_operands && strcmp(argv[at], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[at][0] == '-' && argv[at][1]) {
            if (take_word(options, argc, argv, &at, error) < 0)
                return -1;
        } else if (count < 3) {
            operands[count++] = argv[at];
        }
    }
    if (options->debug) {
        options->foreground = true;
        options->log_level = CLIENT_LOG_DEBUG;
    }
    return take_operands(options, count, operands, error);
}

void options_release(struct options *options)
{
    buf_release(&options->kernel);
}

void options_print_help(FILE *out)
{
    fprintf(out, "Usage: registryfs [OPTIONS] [SOURCE] MOUNTPOINT\n"
                 "       registryfs run [OPTIONS] [SOURCE] -- COMMAND...\n"
                 "       registryfs --status MOUNTPOINT|SOCKET [--json]\n"
                 "Mount a Weights & Biases Registry as a filesystem; with run only for a command,\n"
                 "which alone sees it.\n\n"
                 "SOURCE is what to mount, everything when absent: a path of the tree such as\n"
                 "acme/model, or a version's name ORG/wandb-registry-REGISTRY/COLLECTION:ALIAS.\n\n"
                 "Options, each also as -o name=value:\n");
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];
        char letter[8] = "    ";
        if (table[i].letter)
            snprintf(letter, sizeof letter, "-%c, ", table[i].letter);
        snprintf(left, sizeof left, "  %s--%s%s%s", letter, table[i].name,
                 table[i].argument ? " " : "", table[i].argument ? table[i].argument : "");
        if (strlen(left) >= HELP_COLUMN)
            fprintf(out, "%s\n%*s%s\n", left, HELP_COLUMN, "", table[i].help);
        else
            fprintf(out, "%-*s%s\n", HELP_COLUMN, left, table[i].help);
    }
    fprintf(out, "\nUnmount with: fusermount3 -u MOUNTPOINT (root: umount MOUNTPOINT)\n");
}
