/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <strings.h>
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

/* A decimal number, with a fraction or not, up to *end. False: none; exponents and hexadecimal
 * digits would be taken for units. */
static bool parse_decimal(const char *text, double *number, char **end)
{
    errno = 0;
    *number = strtod(text, end);
    return *end != text && !errno && strspn(text, "0123456789.") == (size_t)(*end - text);
}

/* Seconds, with a unit: "10", "0.5", "10s", "500ms", "5m", "1h", "1d". */
static bool parse_duration(const char *text, void *value)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    double number;
    if (!parse_decimal(text, &number, &end))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        *(double *)value = number * units[i].seconds;
        return number * units[i].seconds <= 1e9;
    }
    return false;
}

static bool parse_timeout(const char *text, void *value)
{
    double seconds;
    if (!parse_duration(text, &seconds) || seconds <= 0 || seconds > 3600)
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

static bool parse_user(const char *text, void *value)
{
    const struct passwd *user = parse_id(text, value) ? NULL : getpwnam(text);
    if (user)
        *(uid_t *)value = user->pw_uid;
    return user || parse_id(text, value);
}

static bool parse_group(const char *text, void *value)
{
    const struct group *group = parse_id(text, value) ? NULL : getgrnam(text);
    if (group)
        *(gid_t *)value = group->gr_gid;
    return group || parse_id(text, value);
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

/* Where in `units` the first letter stands; NULL: nowhere. *rest: what follows. */
static const char *take_unit(const char *units, char *text, char **rest)
{
    const char *unit = *text ? strchr(units, *text & ~0x20) : NULL;
    *rest = text + (unit != NULL);
    return unit;
}

/* Bytes with a binary unit: "10G", "10GB", "10GiB". */
static bool parse_size(const char *text, void *value)
{
    static const char units[] = "KMGT";
    char *end;
    double number;
    if (!parse_decimal(text, &number, &end))
        return false;
    const char *unit = take_unit(units, end, &end);
    if (*end && strcasecmp(end, "B") != 0 && !(unit && strcasecmp(end, "iB") == 0))
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
    static const char *const choices[] = {"end", "late", "open"};
    int choice;
    if (!parse_choice(text, choices, 3, &choice))
        return false;
    *(enum verify_policy *)value = (enum verify_policy)choice;
    return true;
}

static bool parse_passthrough(const char *text, void *value)
{
    static const char *const choices[] = {"auto", "off"};
    int choice;
    if (!parse_choice(text, choices, 2, &choice))
        return false;
    *(enum passthrough_policy *)value = (enum passthrough_policy)choice;
    return true;
}

static bool parse_level(const char *text, void *value)
{
    static const char *const choices[] = {"error", "warning", "info", "debug", "err", "warn"};
    int choice;
    if (!parse_choice(text, choices, 6, &choice))
        return false;
    *(enum client_log_level *)value = (enum client_log_level)(choice % 4);
    return true;
}

#define AT(field) offsetof(struct options, field)

static const struct option_row table[] = {
    {"foreground", 'f', NULL, AT(foreground), NULL, "stay in the foreground, log to stderr"},
    {"debug", 'd', NULL, AT(debug), NULL, "log every kernel request; implies -f"},
    {"ro", 0, NULL, AT(read_only), NULL, "read-only: every change is refused"},
    {"base-url", 0, "URL", AT(base_url), parse_text, "the W&B server (default: as wandb finds it)"},
    {"api-key-file", 0, "FILE", AT(api_key_file), parse_text, "read the API key from a file"},
    {"ttl", 0, "SECONDS", AT(ttl), parse_duration, "how old listings and attributes may be (10)"},
    {"negative-ttl", 0, "SECONDS", AT(negative_ttl), parse_duration,
     "how long a name stays not there (2)"},
    {"timeout", 0, "SECONDS", AT(timeout_ms), parse_timeout, "for one metadata request (20)"},
    {"cache-dir", 0, "DIR", AT(cache_dir), parse_text,
     "for file contents ($XDG_CACHE_HOME/registryfs)"},
    {"cache-size", 0, "SIZE", AT(cache_size), parse_size, "limit of that cache (10G); 0: none"},
    {"no-cache", 0, NULL, AT(no_cache), NULL, "keep no file contents on disk"},
    {"verify", 0, "end|late|open", AT(verify), parse_verify,
     "compare files with their MD5 before their end is shown, or after; open: cached ones, too "
     "(end)"},
    {"passthrough", 0, "auto|off", AT(passthrough), parse_passthrough,
     "let the kernel itself read what is whole and right in the cache, where it can (auto)"},
    {"rmdir", 0, "never|empty|any", AT(rmdir), parse_rmdir,
     "which registries rmdir may delete (empty)"},
    {"uid", 0, "UID", AT(uid), parse_user, "owner of all files (default: who mounts)"},
    {"gid", 0, "GID", AT(gid), parse_group, "group of all files"},
    {"umask", 0, "MASK", AT(umask), parse_umask, "permissions to take away, octal (0)"},
    {"allow-other", 0, NULL, AT(allow_other), NULL, "let other users in"},
    {"allow-root", 0, NULL, AT(allow_root), NULL, "let root in"},
    {"default-permissions", 0, NULL, AT(default_permissions), NULL,
     "hold other users to the modes shown (the default)"},
    {"no-default-permissions", 0, NULL, AT(no_default_permissions), NULL,
     "let other users read whatever the modes say"},
    {"nonempty", 0, NULL, AT(nonempty), NULL, "mount also over what is in the directory"},
    {"fsname", 0, "NAME", AT(fsname), parse_text, "what mount(8) shows as the source"},
    {"auto-unmount", 0, NULL, AT(auto_unmount), NULL, "unmount even when the process is killed"},
    {"log-level", 0, "error|warning|info|debug", AT(log_level), parse_level,
     "how much to log (info)"},
    {"log-file", 0, "FILE", AT(log_file), parse_text, "log to a file instead of stderr or syslog"},
    {"ready-fd", 0, "N", AT(ready_fd), parse_descriptor,
     "write a newline to descriptor N once mounted"},
    {"no-key", 0, NULL, AT(no_key), NULL, "with run: keep WANDB_API_KEY from the command"},
    {"at", 0, "DIR", AT(at), parse_text, "with run: mount there ($REGISTRYFS_MOUNT names it)"},
    {"status", 0, "MOUNTPOINT|SOCKET", AT(status), parse_text,
     "say how that mount is and exit: 0 healthy, 1 degraded, 2 down"},
    {"json", 0, NULL, AT(json), NULL, "with --status: as JSON"},
    {"watch", 0, NULL, AT(watch), NULL, "with --status: show files on their way, again and again"},
    {"help", 'h', NULL, AT(help), NULL, "print this and exit"},
    {"version", 'V', NULL, AT(version), NULL, "print the version and exit"},
};

enum { ROWS = sizeof table / sizeof table[0] };

/* Options that mount(8) and the kernel know. */
static const char *const kernel_options[] = {
    "dev",         "nodev",    "suid",       "nosuid",   "exec",    "noexec", "atime", "noatime",
    "strictatime", "relatime", "nodiratime", "lazytime", "dirsync", "sync",   "async"};
/* Options of fstab(5) that are for others than the mount itself, and those of other filesystems
 * that ask for what is so anyway. */
static const char *const ignored_options[] = {
    "rw",         "defaults",      "auto",        "noauto",       "user",       "users",
    "nouser",     "owner",         "group",       "_netdev",      "nofail",     "nobootwait",
    "diratime",   "nostrictatime", "norelatime",  "nolazytime",   "loud",       "silent",
    "reconnect",  "big_writes",    "large_read",  "intr",         "auto_cache", "use_ino",
    "async_read", "splice_read",   "splice_move", "delay_connect"};

static const struct {
    const char *name, *reason;
} refused_options[] = {
    {"remount", "a mount of registryfs cannot be changed: unmount it and mount it again"},
    {"bind", "use mount --bind without a type"},
    {"subtype", "the type is always fuse.registryfs: leave it out"},
    {"blkdev", "there is no block device: leave it out"},
    {"max_read", "the kernel's size of reads is right: leave it out"},
    {"kernel_cache", "what the kernel may keep is set by ttl: leave it out"},
    {"direct_io", "it would break mmap and editors: leave it out"},
    {"attr_timeout", "use ttl=SECONDS"},
    {"ac_attr_timeout", "use ttl=SECONDS"},
    {"entry_timeout", "use ttl=SECONDS"},
    {"negative_timeout", "use negative_ttl=SECONDS"},
    {"cache_timeout", "use ttl=SECONDS"},
    {"writeback_cache", "a save is sent when it is made, or not at all: leave it out"},
    {"noforget", "memory is bounded: leave it out"},
    {"hard_remove", "there is no other way here: leave it out"},
    {"IdentityFile", "registryfs has no SSH: use api_key_file=FILE"},
    {"ServerAliveInterval", "registryfs has no SSH: use timeout=SECONDS"},
    {"StrictHostKeyChecking", "registryfs has no SSH: leave it out"},
    {"compression", "registryfs has no SSH: leave it out"},
    {"follow_symlinks", "links are shown as links: leave it out"},
    {"idmap", "owners are set by uid= and gid="},
    {"password", "no option takes a secret: use api_key_file=FILE"},
    {"password_stdin", "no option takes a secret: use api_key_file=FILE"},
    {"api_key", "no option takes the key: use api_key_file=FILE, or the environment"},
    {"api-key", "no option takes the key: use --api-key-file FILE, or the environment"},
    {"token", "no option takes a secret: use api_key_file=FILE"},
};

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

static const char *what_is_valid(const struct option_row *row)
{
    if (row->parse == parse_duration || row->parse == parse_timeout)
        return "; such as 10, 10s, 500ms or 5m";
    if (row->parse == parse_size)
        return "; such as 500M, 50G or 50GB";
    if (row->parse == parse_user || row->parse == parse_group)
        return "; a number, or a name that this system knows";
    return "";
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
        return error_set(error, ERROR_INVALID, "option %s: not a valid %s: %.100s%s", row->name,
                         row->argument, argument, what_is_valid(row));
    return 0;
}

static int unknown(const char *option, struct error *error)
{
    /* Without its value: that may be a key which somebody tried to give. */
    int length = (int)strcspn(option, "=");
    const char *name = option + (length > 2 && strncmp(option, "--", 2) == 0 ? 2 : 0);
    size_t rest = strcspn(name, "=");
    for (size_t i = 0; i < sizeof refused_options / sizeof *refused_options; i++) {
        if (strncmp(name, refused_options[i].name, rest) == 0 && !refused_options[i].name[rest])
            return error_set(error, ERROR_INVALID, "option %s: %s", refused_options[i].name,
                             refused_options[i].reason);
    }
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
        strncasecmp(option, "x-", 2) == 0 || strncmp(option, "comment=", 8) == 0 ||
        strcmp(option, "subtype=registryfs") == 0)
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

static const struct option_row *find_letter(char letter)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].letter && table[i].letter == letter)
            return &table[i];
    }
    return NULL;
}

/* `-f`, `-fd`, `-fo a,b`: letters in one word; the rest after `o`, or the next word, is its list.
 */
static int take_letters(struct options *options, int argc, char **argv, int *at,
                        struct error *error)
{
    char *word = argv[*at];
    for (char *letter = word + 1; *letter; letter++) {
        const struct option_row *row = find_letter(*letter);
        if (*letter == 'o') {
            char *list = letter[1] ? letter + 1 : *at + 1 < argc ? argv[++*at] : NULL;
            return list ? take_mount_options(options, list, error)
                        : error_set(error, ERROR_INVALID, "option -o needs a value");
        }
        if (!row)
            return unknown(word, error);
        if (take(options, row, NULL, error) < 0)
            return -1;
    }
    return 0;
}

/* A word that begins with `-`. Moves *at on when the value is the next word. */
static int take_word(struct options *options, int argc, char **argv, int *at, struct error *error)
{
    char *word = argv[*at];
    if (word[1] != '-')
        return take_letters(options, argc, argv, at, error);
    size_t length = strcspn(word + 2, "=");
    const struct option_row *row = find_row(word + 2, length);
    char *argument = word[2 + length] ? word + 3 + length : NULL;
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
    if (options->watch && (!options->status || options->json))
        return error_set(error, ERROR_INVALID,
                         "option watch goes with --status, and without --json");
    if (options->at && !options->command)
        return error_set(error, ERROR_INVALID,
                         "option at goes with run: registryfs run [SOURCE] --at DIR -- COMMAND");
    if (options->no_key && !options->command)
        return error_set(
            error, ERROR_INVALID,
            "option no-key goes with run: registryfs run --no-key [SOURCE] -- COMMAND");
    if (options->default_permissions && options->no_default_permissions)
        return error_set(error, ERROR_INVALID,
                         "default_permissions and no_default_permissions exclude each other");
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
        .mounter = getuid(),
        .mounter_group = getgid(),
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
                 "       registryfs --status MOUNTPOINT|SOCKET [--json|--watch]\n"
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
