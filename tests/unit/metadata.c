/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "check.h"
#include "client.h"

enum { CEILING = 1 << 20 };

static bool becomes(struct text metadata, const char *expected)
{
    cleanup_buf struct buf out;
    buf_init(&out, CEILING);
    bool good = metadata_format(metadata, &out) && strcmp(out.data, expected) == 0 &&
                metadata_format_size(metadata) == (int64_t)out.size;
    if (!good)
        fprintf(stderr, "found: %s\n", out.data ? out.data : "(nothing)");
    return good;
}

#define BECOMES(json, expected) CHECK(becomes(text_of(json), expected))
#define STAYS(json)             CHECK(becomes(text_of(json), json "\n"))

static void values_are_laid_out(void)
{
    BECOMES("{\"b\":1,\"a\":[1,2]}", "{\n  \"b\": 1,\n  \"a\": [\n    1,\n    2\n  ]\n}\n");
    BECOMES(" { } ", "{}\n");
    BECOMES("[ ]", "[]\n");
    BECOMES("{\"a\":{},\"b\":[[]]}", "{\n  \"a\": {},\n  \"b\": [\n    []\n  ]\n}\n");
    BECOMES("{\"\":\"\"}", "{\n  \"\": \"\"\n}\n");
    BECOMES("{\"a\":1,\"a\":2}", "{\n  \"a\": 1,\n  \"a\": 2\n}\n");
    BECOMES("\"text\"", "\"text\"\n");
}

static void numbers_and_strings_are_untouched(void)
{
    BECOMES("[123456789012345678901234567890,1.0,1e400,-0,0.1E+02]",
            "[\n  123456789012345678901234567890,\n  1.0,\n  1e400,\n  -0,\n  0.1E+02\n]\n");
    BECOMES("[\"\\ud800\\u0000\\/\",\"\xff\"]", "[\n  \"\xef\xbf\xbd\\u0000/\",\n  \"\xff\"\n]\n");
}

static void nothing_is_an_empty_object(void)
{
    BECOMES(NULL, "{}\n");
    BECOMES("", "{}\n");
    BECOMES("null", "{}\n");
    BECOMES(" null\n", "{}\n");
    BECOMES("[null]", "[\n  null\n]\n");
}

static void other_texts_stay_as_they_came(void)
{
    STAYS("{");
    STAYS("{\"a\":1,}");
    STAYS("{\"a\" 1}");
    STAYS("{\"a\":}");
    STAYS("{a:1}");
    STAYS("{'a':1}");
    STAYS("[1,]");
    STAYS("[1 2]");
    STAYS("[,1]");
    STAYS("[1]]");
    STAYS("{\"a\":[1}");
    STAYS("{} {}");
    STAYS("01");
    STAYS("1.");
    STAYS(".5");
    STAYS("+1");
    STAYS("1e");
    STAYS("-");
    STAYS("NaN");
    STAYS("Infinity");
    STAYS("nulll");
    STAYS("tru");
    STAYS("\"");
    STAYS("\"\\x\"");
    STAYS("\"\\u12g4\"");
    STAYS("\"a\nb\"");
    STAYS("plain text");
    STAYS("// c\n{}");
    CHECK(becomes((struct text){"{}\0", 3}, "{}"));
}

static void nest(struct buf *json, int levels)
{
    for (int i = 0; i < levels; i++)
        buf_putc(json, '[');
    buf_putc(json, '1');
    for (int i = 0; i < levels; i++)
        buf_putc(json, ']');
}

static void nesting_is_bounded(void)
{
    cleanup_buf struct buf json, out;
    buf_init(&json, CEILING);
    buf_init(&out, 16 << 20);
    nest(&json, 100);
    CHECK(metadata_format((struct text){json.data, json.size}, &out));
    CHECK(strncmp(out.data, "[\n  [\n    [\n", 12) == 0);
    buf_clear(&json);
    buf_clear(&out);
    nest(&json, 1000);
    CHECK(metadata_format((struct text){json.data, json.size}, &out));
    CHECK(out.size == 2 * 1000 * 1000 + 4 * 1000 + 2);
    buf_clear(&json);
    buf_clear(&out);
    nest(&json, 100000);
    CHECK(metadata_format((struct text){json.data, json.size}, &out));
    CHECK(out.size == json.size + 1 && memcmp(out.data, json.data, json.size) == 0);
}

static void a_full_buffer_is_noticed(void)
{
    cleanup_buf struct buf layout_too_large, too_large;
    buf_init(&layout_too_large, 10);
    CHECK(metadata_format(text_of("[1,2,3,4]"), &layout_too_large));
    CHECK_TEXT(layout_too_large.data, "[1,2,3,4]\n");
    buf_init(&too_large, 9);
    CHECK(!metadata_format(text_of("[1,2,3,4]"), &too_large));
}

int main(void)
{
    values_are_laid_out();
    numbers_and_strings_are_untouched();
    nothing_is_an_empty_object();
    other_texts_stay_as_they_came();
    nesting_is_bounded();
    a_full_buffer_is_noticed();
    return check_result();
}
