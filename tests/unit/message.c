/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "base/error.h"
#include "base/secrets.h"

#include "check.h"

static void check_cleaned(const char *text, const char *expected)
{
    char message[256];
    cleanup_buf struct buf appended;
    buf_init(&appended, sizeof message);
    snprintf(message, sizeof message, "%s", text);
    message_clean(message, sizeof message);
    CHECK_TEXT(message, expected);
    message_clean(message, sizeof message);
    CHECK_TEXT(message, expected);
    CHECK(message_append(&appended, text));
    CHECK_TEXT(appended.size ? appended.data : "", expected);
}

static void shows_control_characters(void)
{
    check_cleaned("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
                  "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    check_cleaned("a\x1b[31mb", "a\\x1b[31mb");
    check_cleaned("a\nb\tc\rd", "a b c d");
    check_cleaned("\x07\x7f", "\\x07\\x7f");
    check_cleaned("\xc2\x9b"
                  "31m",
                  "\\u009b31m");
    check_cleaned("\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009f\xc2\xa0");
    check_cleaned("\x9b"
                  "31m",
                  "\\x9b31m");
    check_cleaned("\xff\xe2\x82", "\\xff\\xe2\\x82");
    check_cleaned("", "");
}

static void hides_user_information(void)
{
    check_cleaned("in 'http://user:secret@proxy:1'", "in 'http://***@proxy:1'");
    check_cleaned("https://token@h/x and https://u:p@i", "https://***@h/x and https://***@i");
    check_cleaned("http://user:p/ss@w/rd@h:3128/x", "http://***@h:3128/x");
    check_cleaned("http://u@@h", "http://**@h");
    check_cleaned("https://h:8080/a@b https://h/c@d:e", "https://h:8080/a@b https://h/c@d:e");
    check_cleaned("http://[::1]:80/a@b", "http://[::1]:80/a@b");
    check_cleaned("mail ada@example.com", "mail ada@example.com");
    check_cleaned("://", "://");
}

static void hides_secrets(void)
{
    static const char key[] = "0123456789abcdef0123456789abcdef01234567";
    secrets_remember(key, sizeof key - 1);
    secrets_remember(key, sizeof key - 1);
    secrets_remember("ada", 3);
    check_cleaned("ada sent 0123456789abcdef0123456789abcdef01234567 and again "
                  "0123456789abcdef0123456789abcdef01234567",
                  "ada sent **************************************** and again "
                  "****************************************");
    check_cleaned("cut 0123456789abcd and 0123456", "cut ************** and *******");
    struct error error = {0};
    error_set(&error, ERROR_SERVER, "do not repeat %s", key);
    CHECK(!strstr(error.message, "0123"));
    secrets_forget(key, sizeof key - 1);
    check_cleaned("0123456789abcdef0123456789abcdef01234567",
                  "****************************************");
    secrets_forget(key, sizeof key - 1);
    check_cleaned("0123456789abcdef", "0123456789abcdef");
    secrets_forget(key, sizeof key - 1);
}

static void stays_within_its_room(void)
{
    char message[8] = "a\x1b\x1b\x1b\x1b\x1b\x1b";
    message_clean(message, sizeof message);
    CHECK_TEXT(message, "a\\x1b");
    char cut[8] = "12345\xe2\x82";
    message_clean(cut, sizeof cut);
    CHECK_TEXT(cut, "12345");
    struct error error = {0};
    char wide[600];
    memset(wide, 1, sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    error_set(&error, ERROR_SERVER, "%s", wide);
    CHECK(strlen(error.message) < sizeof error.message);
    CHECK(strncmp(error.message, "\\x01\\x01", 8) == 0);
}

int main(void)
{
    shows_control_characters();
    hides_user_information();
    hides_secrets();
    stays_within_its_room();
    return check_result();
}
