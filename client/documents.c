/* SPDX-License-Identifier: MIT */
#include "documents.h"

#include <stdio.h>
#include <string.h>

enum { WORD_SIZE = 128 };

const struct graphql_document *graphql_document(const char *name)
{
    const struct graphql_document *document = graphql_documents;
    while (document->name && strcmp(document->name, name) != 0)
        document++;
    return document;
}

/* Copies what stands between quotes after `before`; false when the message has no such part. */
static bool quoted_after(const char *message, const char *before, char word[WORD_SIZE])
{
    const char *start = strstr(message, before);
    if (!start)
        return false;
    start += strlen(before);
    const char *end = strchr(start, '"');
    if (!end || end - start >= WORD_SIZE)
        return false;
    memcpy(word, start, (size_t)(end - start));
    word[end - start] = '\0';
    return true;
}

/* The bits of the words equal to `wanted`; if none is, of those that end in its last name, since
 * servers name an interface's or an implementation's type for the same field. */
static uint64_t words_named(const char *wanted)
{
    uint64_t exact = 0, similar = 0;
    const char *last = strrchr(wanted, '.');
    for (size_t i = 0; graphql_optional_words[i]; i++) {
        const char *word = graphql_optional_words[i];
        const char *tail = strrchr(word, '.');
        if (strcmp(word, wanted) == 0)
            exact |= UINT64_C(1) << i;
        else if (last && tail && strcmp(tail, last) == 0)
            similar |= UINT64_C(1) << i;
    }
    return exact ? exact : similar;
}

uint64_t documents_words_refused(const char *message)
{
    char name[WORD_SIZE], owner[WORD_SIZE], type[WORD_SIZE], word[3 * WORD_SIZE + 2];
    if (quoted_after(message, "Cannot query field \"", name)) {
        if (!quoted_after(message, "on type \"", owner))
            return 0;
        snprintf(word, sizeof word, "%s.%s", owner, name);
    } else if (quoted_after(message, "Unknown argument \"", name)) {
        if (!quoted_after(message, "on field \"", owner))
            return 0;
        if (quoted_after(message, "of type \"", type))
            snprintf(word, sizeof word, "%s.%s.%s", type, owner, name);
        else
            snprintf(word, sizeof word, "%s.%s", owner, name);
    } else {
        return 0;
    }
    return words_named(word);
}

uint64_t documents_words_disabled(bool (*is_off)(const void *context, const char *feature),
                                  const void *context)
{
    uint64_t words = 0;
    for (size_t i = 0; graphql_optional_words[i]; i++) {
        const char *word = graphql_optional_words[i];
        if (!strchr(word, '.') && is_off(context, word))
            words |= UINT64_C(1) << i;
    }
    return words;
}

uint64_t document_words(const struct graphql_document *document)
{
    uint64_t words = 0;
    for (const struct graphql_optional *part = document->optional; part && part->words; part++)
        words |= part->words;
    return words;
}

bool document_write(const struct graphql_document *document, uint64_t missing, struct buf *text)
{
    size_t written = 0;
    for (const struct graphql_optional *part = document->optional; part && part->words; part++) {
        if (!(part->words & missing) || part->start < written)
            continue;
        buf_append(text, document->text + written, part->start - written);
        written = part->end;
    }
    return buf_puts(text, document->text + written);
}
