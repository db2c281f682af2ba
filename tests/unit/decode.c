/* SPDX-License-Identifier: MIT */
/*
 * Decoder cases: a folder holds the server's answers and `expect`, whose first
 * line is "# CALL" and whose other lines are what the call then prints: the
 * requests it sent (>), the objects, what it reported (!), its error.
 *
 * Answers are taken in the order of their names, reply*.TYPE with TYPE json,
 * html or txt, or reply*.STATUS.TYPE. reply*.lost: the answer does not arrive.
 *
 *   decode FOLDER-OF-CASES
 *   decode --print CASE
 */
#include "scripted.h"

#include "base/banned.h"

#include <glob.h>
#include <inttypes.h>

enum { FILE_CEILING = 16 << 20 };

static struct {
    glob_t files;
    size_t next;
} replies;

static bool read_file(const char *path, struct buf *content)
{
    char chunk[4096];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    for (size_t size; (size = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_append(content, chunk, size);
    fclose(file);
    return !content->failed;
}

bool scripted_next(struct scripted_reply *reply, struct buf *body)
{
    if (replies.next == replies.files.gl_pathc)
        return false;
    const char *path = replies.files.gl_pathv[replies.next++];
    const char *type = strrchr(path, '.') + 1;
    const char *first_dot = strchr(strrchr(path, '/'), '.') + 1;
    reply->lost = strcmp(type, "lost") == 0;
    if (first_dot < type)
        reply->status = (int)strtol(first_dot, NULL, 10);
    if (strcmp(type, "json") != 0)
        reply->content_type = strcmp(type, "html") == 0 ? "text/html" : "text/plain";
    return reply->lost || read_file(path, body);
}

/* Runs the case with its output in `printed`. */
static bool run_case(const char *folder, const struct buf *expect, struct buf *printed)
{
    char pattern[1024], call[64] = "";
    char *text = NULL;
    size_t size = 0;
    FILE *saved = stdout;
    if (sscanf(expect->data, "# %63s", call) != 1)
        return false;
    snprintf(pattern, sizeof pattern, "%s/reply*", folder);
    replies.next = 0;
    if (glob(pattern, 0, NULL, &replies.files) != 0)
        return false;
    stdout = open_memstream(&text, &size);
    printf("# %s\n", call);
    scripted_call(call);
    fclose(stdout);
    stdout = saved;
    if (replies.next != replies.files.gl_pathc)
        buf_puts(printed, "a reply was not asked for\n");
    globfree(&replies.files);
    buf_append(printed, text, size);
    free(text);
    return true;
}

static bool check_case(const char *folder, bool print)
{
    char path[1024];
    cleanup_buf struct buf expect, printed;
    buf_init(&expect, FILE_CEILING);
    buf_init(&printed, FILE_CEILING);
    snprintf(path, sizeof path, "%s/expect", folder);
    bool good = read_file(path, &expect) && expect.size && run_case(folder, &expect, &printed) &&
                printed.size == expect.size && memcmp(printed.data, expect.data, expect.size) == 0;
    if (print)
        fwrite(printed.data, 1, printed.size, stdout);
    else if (!good)
        fprintf(stderr, "--- %s is\n%s", folder, printed.data ? printed.data : "nothing\n");
    return good;
}

int main(int argc, char **argv)
{
    char pattern[1024];
    glob_t cases;
    size_t failed = 0;
    if (argc == 3 && strcmp(argv[1], "--print") == 0)
        return check_case(argv[2], true) ? 0 : 1;
    snprintf(pattern, sizeof pattern, "%s/*", argc == 2 ? argv[1] : ".");
    if (glob(pattern, GLOB_ONLYDIR, NULL, &cases) != 0)
        return 1;
    printf("1..%zu\n", cases.gl_pathc);
    for (size_t i = 0; i < cases.gl_pathc; i++) {
        bool good = check_case(cases.gl_pathv[i], false);
        failed += !good;
        printf("%sok %zu - %s\n", good ? "" : "not ", i + 1, strrchr(cases.gl_pathv[i], '/') + 1);
    }
    globfree(&cases);
    return failed != 0;
}
