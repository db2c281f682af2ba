/* SPDX-License-Identifier: MIT */
#include "json_text.h"

#include "check.h"
#include "json_reader.h"

enum { CEILING = 1 << 20 };

/* Parses {"t": VALUE} and returns the root. */
static json_t *parsed(const char *value, size_t size)
{
    cleanup_buf struct buf body;
    char problem[128];
    buf_init(&body, CEILING);
    buf_puts(&body, "{\"t\": ");
    buf_append(&body, value, size);
    buf_puts(&body, "}");
    return json_parse(&body, CEILING, problem, sizeof problem);
}

static bool becomes(const char *value, size_t value_size, const char *bytes, size_t size)
{
    cleanup_json json_t *root = parsed(value, value_size);
    struct text text = json_text_of(json_object_get(root, "t"));
    return text.bytes && text.size == size && memcmp(text.bytes, bytes, size) == 0;
}

#define BECOMES(value, bytes) CHECK(becomes(value, sizeof(value) - 1, bytes, sizeof(bytes) - 1))

static void texts_survive(void)
{
    BECOMES("\"plain\"", "plain");
    BECOMES("\"\"", "");
    BECOMES("\"\\u0000\"", "\0");
    BECOMES("\"a\\\"b\\\\\"", "a\"b\\");
    BECOMES("\"gr\xc3\xb6\xc3\x9f\x65\"", "gr\xc3\xb6\xc3\x9f\x65");
    BECOMES("\"\\ud83e\\udde0\"", "\xf0\x9f\xa7\xa0");
}

static void lone_surrogates_are_replaced(void)
{
    BECOMES("\"\\ud800\"", "\xed\xa0\x80");
    BECOMES("\"\\udc00x\"", "\xed\xb0\x80x");
    BECOMES("\"\\ud800\\ud800\\udc00\"", "\xed\xa0\x80\xf0\x90\x80\x80");
    BECOMES("\"\\ud800\\n\"", "\xed\xa0\x80\n");
    BECOMES("\"\\\\ud800\"", "\\ud800");
    BECOMES("\"\\uD800\\uDBFF\"", "\xed\xa0\x80\xed\xaf\xbf");
}

static void odd_bytes_pass_through(void)
{
    BECOMES("\"\x80\"", "\x80");
    BECOMES("\"\xff\xc3(\xed\xa0\x80\"", "\xff\xc3(\xed\xa0\x80");
    BECOMES("\"\xc0\xaf\xf5\x80\x80\x80\"", "\xc0\xaf\xf5\x80\x80\x80");
    BECOMES("\"\xe2\x82\"", "\xe2\x82");
    BECOMES("\"a\x01\tb\"", "a\x01\tb");
    /* The code points that stand for odd bytes, themselves, as bytes and as escapes. */
    BECOMES("\"\xf4\x8f\xbe\x80\"", "\xf4\x8f\xbe\x80");
    BECOMES("\"\xf4\x8f\xbf\xbf\"", "\xf4\x8f\xbf\xbf");
    BECOMES("\"\\udbff\\udf80\"", "\xf4\x8f\xbe\x80");
    BECOMES("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf");
    BECOMES("\"\\udbff\\udf7f\"", "\xf4\x8f\xbd\xbf");
    BECOMES("\"\xff\xf4\x8f\xbe\xff\"", "\xff\xf4\x8f\xbe\xff");
}

/* Any bytes between quotes come out as they are, whatever of UTF-8 they pretend to be. */
static void random_bytes_pass_through(void)
{
    static const unsigned char likely[] = {0xf4, 0x8f, 0xbe, 0xbf, 0x80, 0xc3, 0xed, 0xa0, 'a', 0};
    uint32_t state = 1;
    int different = 0;
    for (int round = 0; round < 20000; round++) {
        char quoted[18] = "\"";
        for (int i = 1; i <= 16; i++) {
            state = state * 1664525u + 1013904223u;
            unsigned char byte = state >> 24;
            quoted[i] = (char)(state & 0x10000 ? byte : likely[byte % sizeof likely]);
            if (quoted[i] == '"' || quoted[i] == '\\')
                quoted[i] = 'x';
        }
        quoted[17] = '"';
        different += !becomes(quoted, sizeof quoted, quoted + 1, 16);
    }
    CHECK(different == 0);
}

/* A text that goes out as a variable must be the server's bytes again. */
static void bytes_return_as_they_came(void)
{
    static const char *const texts[] = {
        "plain",        "\x80\xff",         "\xf4\x8f\xbe\x80",
        "\xf4\x8f\xbf", "\xf0\x9f\xa7\xa0", "\xf4\x8f\xbe\xf4\x8f\xbe\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cleanup_json json_t *json = json_from_text(text_of(texts[i]));
        cleanup_buf struct buf out;
        buf_init(&out, CEILING);
        CHECK(json != NULL);
        CHECK(json_write(json, &out));
        CHECK(out.size == strlen(texts[i]) + 2);
        CHECK(out.size > 2 && memcmp(out.data + 1, texts[i], out.size - 2) == 0);
    }
}

static int64_t number(const char *value, bool *odd)
{
    cleanup_json json_t *root = parsed(value, strlen(value));
    struct json_reader reader = {.object = root};
    int64_t result = json_reader_int64(&reader, "t", -77);
    *odd = reader.odd != NULL || !root;
    return result;
}

static void numbers_of_any_size(void)
{
    static const struct {
        const char *value;
        int64_t number;
        bool odd;
    } rows[] = {
        {"0", 0, false},
        {"-12", -12, false},
        {"\"-12\"", -12, false},
        {"9223372036854775807", INT64_MAX, false},
        {"9223372036854775808", INT64_MAX, false},
        {"-9223372036854775809", INT64_MIN, false},
        {"123456789012345678901234567890", INT64_MAX, false},
        {"1e400", INT64_MAX, false},
        {"-1e400", INT64_MIN, false},
        {"2.0", 2, false},
        {"\"1e3\"", 1000, false},
        {"null", -77, false},
        {"\"\"", -77, true},
        {"\"0x10\"", -77, true},
        {"\"1\\u0000\"", -77, true},
        {"true", -77, true},
        {"{}", -77, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool odd;
        CHECK(number(rows[i].value, &odd) == rows[i].number);
        CHECK(odd == rows[i].odd);
    }
}

static void broken_documents_are_refused(void)
{
    static const char *const broken[] = {"",       "\"",      "\"\\u12\"", "01",   "1 2",
                                         "nul",    "[1,]",    "\"\\ud8",   "\"\\", "-",
                                         "1e999e", "\"\\x\"", "{",         "]"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        cleanup_json json_t *root = parsed(broken[i], strlen(broken[i]));
        CHECK(!root || i == 10); /* a number that is no number becomes a text */
    }
}

static void ceilings_and_depth(void)
{
    cleanup_buf struct buf body;
    char problem[128];
    bool mapped;
    buf_init(&body, CEILING);
    buf_puts(&body, "\"\xff\xff\xff\xff\"");
    CHECK(!json_repair(&body, 8, &mapped));
    buf_clear(&body);
    for (int i = 0; i < 100000; i++)
        buf_putc(&body, '[');
    CHECK(!json_parse(&body, CEILING, problem, sizeof problem));
    CHECK(problem[0] != '\0');
}

static void unchanged_bodies_are_not_copied(void)
{
    cleanup_buf struct buf body;
    bool mapped = true;
    buf_init(&body, CEILING);
    buf_puts(&body, "{\"a\": [1, -2.5e10, \"\xc3\xa9\\u00e9\\n\"]}");
    const char *before = body.data;
    CHECK(json_repair(&body, CEILING, &mapped));
    CHECK(body.data == before);
    CHECK(!mapped);
}

static void lists_are_sorted_without_doubles(void)
{
    cleanup_text_list struct text_list list = {0};
    const char *const texts[] = {"b", "a", "", "ab", "a", "\xff", "B"};
    for (size_t i = 0; i < 7; i++)
        CHECK(text_list_add(&list, text_of(texts[i])));
    text_list_sort(&list);
    CHECK(list.count == 5);
    CHECK(text_is(list.items[0], "B"));
    CHECK(text_is(list.items[1], "a"));
    CHECK(text_is(list.items[2], "ab"));
    CHECK(text_is(list.items[3], "b"));
    CHECK(text_is(list.items[4], "\xff"));
}

int main(void)
{
    texts_survive();
    lone_surrogates_are_replaced();
    odd_bytes_pass_through();
    random_bytes_pass_through();
    bytes_return_as_they_came();
    numbers_of_any_size();
    broken_documents_are_refused();
    ceilings_and_depth();
    unchanged_bodies_are_not_copied();
    lists_are_sorted_without_doubles();
    return check_result();
}
