/* SPDX-License-Identifier: MIT */
#include "netrc.h"

#include "base/buf.h"
#include "base/error.h"
#include "local_file.h"

#include <strings.h>

enum { TOKEN_CEILING = 4096 };

struct lexer {
    const char *at;
    const char *end;
    int line;
    struct buf token;
    bool present;    /* false: the end; an empty quoted token is present */
    bool ended_line; /* the token's end was the line's */
};

/* The rank of an entry: the index in `machines`; the default entry comes last. */
struct search {
    const char *const *machines;
    int best; /* -1: nothing found */
    int current;
    char *password;
};

static char next_byte(struct lexer *lexer)
{
    char byte = *lexer->at++;
    if (byte == '\n')
        lexer->line++;
    return byte;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_line(struct lexer *lexer)
{
    while (lexer->at < lexer->end && next_byte(lexer) != '\n')
        ;
}

/* Reads bytes up to a blank, or the closing quote; a backslash takes the next byte as it is. */
static void read_token(struct lexer *lexer, bool quoted)
{
    while (lexer->at < lexer->end) {
        char byte = next_byte(lexer);
        if (quoted ? byte == '"' : is_blank(byte)) {
            lexer->ended_line = byte == '\n';
            return;
        }
        if (byte == '\\' && lexer->at < lexer->end)
            byte = next_byte(lexer);
        buf_putc(&lexer->token, byte);
    }
}

static void next_token(struct lexer *lexer)
{
    explicit_bzero(lexer->token.data, lexer->token.capacity);
    buf_clear(&lexer->token);
    lexer->ended_line = false;
    while (lexer->at < lexer->end && is_blank(*lexer->at))
        next_byte(lexer);
    lexer->present = lexer->at < lexer->end;
    if (!lexer->present)
        return;
    bool quoted = *lexer->at == '"';
    if (quoted)
        next_byte(lexer);
    read_token(lexer, quoted);
}

static bool token_is(const struct lexer *lexer, const char *word)
{
    return lexer->present && strcmp(lexer->token.data, word) == 0;
}

/* A comment runs to the end of its line. */
static bool skip_comment(struct lexer *lexer)
{
    if (!lexer->present || lexer->token.data[0] != '#')
        return false;
    if (!lexer->ended_line)
        skip_line(lexer);
    return true;
}

/* A macro runs to an empty line. */
static void skip_macro(struct lexer *lexer)
{
    if (!lexer->ended_line)
        skip_line(lexer);
    while (lexer->at < lexer->end && *lexer->at != '\n')
        skip_line(lexer);
}

static int machine_rank(const struct search *search, const char *name)
{
    int rank = 0;
    for (; search->machines[rank]; rank++) {
        if (strcasecmp(search->machines[rank], name) == 0)
            return rank;
    }
    return -1;
}

static int default_rank(const struct search *search)
{
    int rank = 0;
    while (search->machines[rank])
        rank++;
    return rank;
}

static bool take_password(struct search *search, const struct lexer *lexer)
{
    if (search->current < 0 || lexer->token.size == 0 ||
        (search->best >= 0 && search->current > search->best))
        return true;
    secret_free(search->password);
    search->password = strdup(lexer->token.data);
    search->best = search->current;
    return search->password != NULL;
}

/* One name and its value. False: not netrc. */
static bool parse_pair(struct lexer *lexer, struct search *search)
{
    bool password = token_is(lexer, "password");
    if (!password && !token_is(lexer, "login") && !token_is(lexer, "user") &&
        !token_is(lexer, "account"))
        return false;
    next_token(lexer);
    return lexer->present && (!password || take_password(search, lexer));
}

static bool parse_item(struct lexer *lexer, struct search *search, bool *inside)
{
    bool machine = token_is(lexer, "machine");
    if (machine || token_is(lexer, "macdef")) {
        next_token(lexer);
        if (!lexer->present)
            return false;
        *inside = machine;
        if (machine)
            search->current = machine_rank(search, lexer->token.data);
        else
            skip_macro(lexer);
        return true;
    }
    if (token_is(lexer, "default")) {
        *inside = true;
        search->current = default_rank(search);
        return true;
    }
    return *inside && parse_pair(lexer, search);
}

int netrc_find(const char *text, size_t size, const char *const *machines, char **password)
{
    struct lexer lexer = {.at = text, .end = text + size, .line = 1};
    struct search search = {.machines = machines, .best = -1};
    bool inside = false;
    int problem = 0;
    buf_init(&lexer.token, TOKEN_CEILING);
    if (!buf_resize(&lexer.token, TOKEN_CEILING))
        return -1;
    while (problem == 0) {
        next_token(&lexer);
        if (!lexer.present)
            break;
        int line = lexer.line - lexer.ended_line;
        if (skip_comment(&lexer))
            continue;
        if (!parse_item(&lexer, &search, &inside) || lexer.token.failed)
            problem = line;
    }
    secret_release(&lexer.token);
    if (problem)
        secret_free(search.password);
    else
        *password = search.password;
    return problem;
}
