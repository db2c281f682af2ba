/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "option_value.h"

#include <strings.h>
#include <unistd.h>

enum { KERNEL_OPTIONS_CEILING = 4096, HELP_COLUMN = 30, MILLISECONDS = 1000 };

/* Sets of commands. */
enum {
    WITH_ANY = 0,
    WITH_MOUNT = 1 << COMMAND_MOUNT,
    WITH_RUN = 1 << COMMAND_RUN,
    WITH_STATUS = 1 << COMMAND_STATUS,
    WITH_RESOLVE = 1 << COMMAND_RESOLVE,
    WITH_GET = 1 << COMMAND_GET,
    WITH_WARM = 1 << COMMAND_WARM,
    WITH_CHECK = 1 << COMMAND_CHECK,
    WITH_DOWNLOADS = WITH_GET | WITH_WARM,
    WITH_A_MOUNT = WITH_MOUNT | WITH_RUN | WITH_STATUS, /* is passed over with --status */
    WITH_A_VERSION = WITH_A_MOUNT | WITH_DOWNLOADS,
};

/* The commands, as they are called in messages, with what they take beside options. */
static const struct {
    const char *name;
    int least, most; /* operands */
    const char *usage;
} commands[] = {
    [COMMAND_MOUNT] = {"mounting", 1, 2, "[OPTIONS] [SOURCE] MOUNTPOINT"},
    [COMMAND_RUN] = {"run", 0, 1, "run [OPTIONS] [SOURCE] -- COMMAND..."},
    [COMMAND_STATUS] = {"--status", 0, 0, "--status MOUNTPOINT|SOCKET [--json|--watch]"},
    [COMMAND_RESOLVE] = {"resolve", 1, 1, "resolve [OPTIONS] [-o FILE] SOURCE"},
    [COMMAND_GET] = {"get", 2, 2, "get [OPTIONS] SOURCE DIR"},
    [COMMAND_WARM] = {"warm", 1, 1, "warm [OPTIONS] SOURCE"},
    [COMMAND_CHECK] = {"check", 0, 1, "check [OPTIONS] [SOURCE]"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

struct option_row {
    const char *name;
    char letter;          /* short form, 0: none */
    const char *argument; /* what --help calls it; NULL: a switch */
    int offset;
    bool (*parse)(const char *text, void *value); /* of the argument; a switch's can be left out */
    const char *help;
    unsigned with; /* the commands that it goes with */
};

#define AT(field) offsetof(struct options, field)

static const struct option_row table[] = {
    {"foreground", 'f', NULL, AT(foreground), NULL, "stay in the foreground, log to stderr",
     WITH_A_MOUNT},
    {"debug", 'd', NULL, AT(debug), NULL, "log every kernel request; implies -f", WITH_A_MOUNT},
    {"ro", 0, NULL, AT(read_only), NULL, "read-only: every change is refused", WITH_A_MOUNT},
    {"base-url", 0, "URL", AT(base_url), parse_text, "the W&B server (default: as wandb finds it)",
     WITH_ANY},
    {"api-key-file", 0, "FILE", AT(api_key_file), parse_text, "read the API key from a file",
     WITH_ANY},
    {"ttl", 0, "SECONDS", AT(ttl), parse_duration, "how old listings and attributes may be (10)",
     WITH_A_MOUNT},
    {"negative-ttl", 0, "SECONDS", AT(negative_ttl), parse_duration,
     "how long a name stays not there (2)", WITH_A_MOUNT},
    {"timeout", 0, "SECONDS", AT(timeout_ms), parse_timeout, "for one metadata request (20)",
     WITH_ANY},
    {"mount-timeout", 0, "SECONDS", AT(mount_timeout_ms), parse_timeout,
     "how long to wait out the server's rate limit at the start (120)", WITH_ANY},
    {"resolved", 0, "FILE", AT(resolved), parse_text,
     "instead of SOURCE: the list of files that resolve -o has written", WITH_A_VERSION},
    {"cache-dir", 0, "DIR", AT(cache_dir), parse_text,
     "for file contents ($XDG_CACHE_HOME/registryfs)", WITH_ANY},
    {"cache-size", 0, "SIZE", AT(cache_size), parse_size, "limit of that cache (10G); 0: none",
     WITH_ANY},
    {"no-cache", 0, NULL, AT(no_cache), NULL, "keep no file contents on disk", WITH_ANY},
    {"content-proxy", 0, "LIST", AT(content_proxy), parse_text,
     "fetch file contents through these caches: http://HOST:PORT, unix:/PATH, DIRECT, with | and ;",
     WITH_ANY},
    {"content-proxy-header", 0, "HEADER", AT(content_proxy_headers), parse_item,
     "'NAME: VALUE' for them, %i: the content's id; repeatable", WITH_ANY},
    {"verify", 0, "end|late|open", AT(verify), parse_verify,
     "compare files with their MD5 before their end is shown, or after; open: cached ones, too "
     "(end)",
     WITH_A_MOUNT},
    {"passthrough", 0, "auto|off", AT(passthrough), parse_passthrough,
     "let the kernel itself read what is whole and right in the cache, where it can (auto)",
     WITH_A_MOUNT},
    {"rmdir", 0, "never|empty|any", AT(rmdir), parse_rmdir,
     "which registries rmdir may delete (empty)", WITH_A_MOUNT},
    {"uid", 0, "UID", AT(uid), parse_user, "owner of all files (default: who mounts)",
     WITH_A_MOUNT},
    {"gid", 0, "GID", AT(gid), parse_group, "group of all files", WITH_A_MOUNT},
    {"umask", 0, "MASK", AT(umask), parse_umask, "permissions to take away, octal (0)",
     WITH_A_MOUNT},
    {"allow-other", 0, NULL, AT(allow_other), NULL, "let other users in", WITH_A_MOUNT},
    {"allow-root", 0, NULL, AT(allow_root), NULL, "let root in", WITH_A_MOUNT},
    {"default-permissions", 0, NULL, AT(default_permissions), NULL,
     "hold other users to the modes shown (the default)", WITH_A_MOUNT},
    {"no-default-permissions", 0, NULL, AT(no_default_permissions), NULL,
     "let other users read whatever the modes say", WITH_A_MOUNT},
    {"nonempty", 0, NULL, AT(nonempty), NULL, "mount also over what is in the directory",
     WITH_A_MOUNT},
    {"fsname", 0, "NAME", AT(fsname), parse_text, "what mount(8) shows as the source",
     WITH_A_MOUNT},
    {"auto-unmount", 0, NULL, AT(auto_unmount), NULL, "unmount even when the process is killed",
     WITH_A_MOUNT},
    {"log-level", 0, "error|warning|info|debug", AT(log_level), parse_level,
     "how much to log (info)", WITH_ANY},
    {"log-file", 0, "FILE", AT(log_file), parse_text, "log to a file instead of stderr or syslog",
     WITH_ANY},
    {"ready-fd", 0, "N", AT(ready_fd), parse_descriptor,
     "write a newline to descriptor N once mounted", WITH_A_MOUNT},
    {"include", 0, "GLOB", AT(include), parse_item,
     "with get and warm: only files whose path matches; * matches /, too; repeatable",
     WITH_DOWNLOADS},
    {"exclude", 0, "GLOB", AT(exclude), parse_item, "with get and warm: not those; repeatable",
     WITH_DOWNLOADS},
    {"jobs", 0, "N", AT(jobs), parse_jobs, "with get and warm: so many files at a time (8)",
     WITH_DOWNLOADS},
    {"references", 0, "skip|fail", AT(references_fail), parse_references,
     "with get and warm: pass over what is stored elsewhere, or fail (skip)", WITH_DOWNLOADS},
    {"overwrite", 0, NULL, AT(overwrite), NULL,
     "with get: replace files that are there and are others", WITH_GET},
    {"exact", 0, NULL, AT(exact), NULL, "with get: remove all other files in DIR", WITH_GET},
    {"dry-run", 0, NULL, AT(dry_run), NULL, "with get: only say what would be fetched", WITH_GET},
    {"quiet", 0, NULL, AT(quiet), NULL, "with get and warm: say only what fails", WITH_DOWNLOADS},
    {"pin", 0, NULL, AT(pin_days), parse_days,
     "with warm: keep it in the cache for a week; --pin=DAYS: so long", WITH_WARM},
    {"unpin", 0, NULL, AT(unpin), NULL, "with warm: SOURCE, as --list has it, need not stay",
     WITH_WARM},
    {"list", 0, NULL, AT(list), NULL, "with warm: print what is pinned, until when, how large",
     WITH_WARM},
    {"output", 0, "FILE", AT(output), parse_text,
     "with resolve, also -o: write the list of the version's files there", WITH_RESOLVE},
    {"no-key", 0, NULL, AT(no_key), NULL, "with run: keep WANDB_API_KEY from the command",
     WITH_RUN},
    {"at", 0, "DIR", AT(at), parse_text, "with run: mount there ($REGISTRYFS_MOUNT names it)",
     WITH_RUN},
    {"status", 0, "MOUNTPOINT|SOCKET", AT(status), parse_text,
     "say how that mount is and exit: 0 healthy, 1 degraded, 2 down", WITH_STATUS},
    {"json", 0, NULL, AT(json), NULL, "with --status, get, warm, check: as JSON",
     WITH_STATUS | WITH_DOWNLOADS | WITH_CHECK},
    {"watch", 0, NULL, AT(watch), NULL, "with --status: show files on their way, again and again",
     WITH_STATUS},
    {"help", 'h', NULL, AT(help), NULL, "print this and exit", WITH_ANY},
    {"version", 'V', NULL, AT(version), NULL, "print the version and exit", WITH_ANY},
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
    options->given |= UINT64_C(1) << (row - table);
    if (!row->argument && !row->parse) {
        if (argument)
            return error_set(error, ERROR_INVALID, "option %s takes no value", row->name);
        *(bool *)value = true;
        return 0;
    }
    if (!argument && row->argument)
        return error_set(error, ERROR_INVALID, "option %s needs a value: %s", row->name,
                         row->argument);
    if (!row->parse(argument, value))
        return error_set(error, ERROR_INVALID, "option %s: not a valid %s: %.100s%s", row->name,
                         row->argument ? row->argument : "value", argument, what_is_valid(row));
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
            if (!list)
                return error_set(error, ERROR_INVALID, "option -o needs a value");
            return options->command == COMMAND_RESOLVE
                       ? take(options, find_row("output", strlen("output")), list, error)
                       : take_mount_options(options, list, error);
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

/* The row's commands: "run or --status". */
static void list_commands(unsigned with, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < COMMANDS && used < size; i++) {
        if (with >> i & 1)
            used += (size_t)snprintf(list + used, size - used, "%s%s", used ? " or " : "",
                                     commands[i].name);
    }
}

/* Options that go together or do not. */
static int check_combination(const struct options *options, struct error *error)
{
    for (size_t i = 0; i < ROWS; i++) {
        char list[128];
        if (!(options->given >> i & 1) || !table[i].with || table[i].with >> options->command & 1)
            continue;
        list_commands(table[i].with, list, sizeof list);
        return error_set(error, ERROR_INVALID, "option %s goes with %s; try --help", table[i].name,
                         list);
    }
    if (options->watch && options->json)
        return error_set(error, ERROR_INVALID,
                         "option watch goes with --status, and without --json");
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

static const char *lacking(enum command command)
{
    return command == COMMAND_MOUNT ? "no mountpoint given"
           : command == COMMAND_GET ? "a source and a directory are needed"
                                    : "no source given";
}

/* The last operand, where the command has a place to put things. */
static const char **place_of(struct options *options)
{
    return options->command == COMMAND_MOUNT ? &options->mountpoint
           : options->command == COMMAND_GET ? &options->directory
                                             : NULL;
}

static int take_source(struct options *options, int count, const char *const *operands, int most,
                       struct error *error)
{
    bool placeholder = count == 1 && means_everything(operands[0]); /* of fstab */
    if (count > most || (options->resolved && count > 0 && !placeholder))
        return error_set(error, ERROR_INVALID, "too many arguments: %.100s; try --help",
                         operands[count > most ? most : 0]);
    if (count && !placeholder)
        options->source = operands[0];
    return 0;
}

static int take_operands(struct options *options, int count, const char *const *operands,
                         struct error *error)
{
    const char **place = place_of(options);
    bool needs_no_source = options->resolved || options->list;
    int least = needs_no_source ? place != NULL : commands[options->command].least;
    if (options->help || options->version)
        return 0;
    if (check_combination(options, error) < 0)
        return -1;
    if (options->words && !options->words[0])
        return error_set(error, ERROR_INVALID, "no command given after --; try --help");
    if (count < least)
        return error_set(error, ERROR_INVALID, "%s; try --help", lacking(options->command));
    if (place)
        *place = operands[--count];
    return take_source(options, count, operands, commands[options->command].most - (place != NULL),
                       error);
}

/* The command that the first word names, and for `run WORDS -- COMMAND…` its words. Returns the
 * number of words in front of these; argc when there are none. Without `--`, "run" is a SOURCE like
 * any other. */
static int take_command(struct options *options, int argc, char **argv)
{
    for (int i = COMMAND_RESOLVE; i < (int)COMMANDS && argc > 1; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            options->command = (enum command)i;
    }
    for (int at = 2; at < argc && strcmp(argv[1], commands[COMMAND_RUN].name) == 0; at++) {
        if (strcmp(argv[at], "--") != 0)
            continue;
        options->command = COMMAND_RUN;
        options->words = argv + at + 1;
        argc = at;
    }
    if (options->command != COMMAND_MOUNT)
        options->log_level = CLIENT_LOG_WARNING; /* the terminal is the command's, or the user's */
    return argc;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
    *options = (struct options){
        .ttl = 10,
        .negative_ttl = 2,
        .timeout_ms = 20 * MILLISECONDS,
        .mount_timeout_ms = 120 * MILLISECONDS,
        .jobs = 8,
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
    for (int at = options->command != COMMAND_MOUNT ? 2 : 1; at < argc; at++) {
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
    if (options->status && options->command == COMMAND_MOUNT)
        options->command = COMMAND_STATUS;
    return take_operands(options, count, operands, error);
}

void options_release(struct options *options)
{
    buf_release(&options->kernel);
}

void options_print_help(FILE *out)
{
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "%s registryfs %s\n", i ? "      " : "Usage:", commands[i].usage);
    fprintf(out,
            "Mount a Weights & Biases Registry as a filesystem; with run only for a command,\n"
            "which alone sees it. resolve prints the name of a version with its digest, which is\n"
            "a SOURCE of one request; get puts a version's files into a directory, warm into the\n"
            "cache, without a mount; check says what is wrong with a set-up.\n\n"
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
