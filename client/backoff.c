/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include <curl/curl.h>
#include <string.h>

enum {
    FIRST_PAUSE_MS = 200,
    LONGEST_PAUSE_MS = 5000,
    FIRST_SPREAD_MS = 1000,
    LONGEST_SPREAD_MS = 16000
};

static const int64_t MOST_SECONDS = INT64_C(1000000000);

int64_t backoff_pause(unsigned tries, uint32_t random)
{
    int64_t pause = tries < 6 ? (int64_t)FIRST_PAUSE_MS << tries : LONGEST_PAUSE_MS;
    if (pause > LONGEST_PAUSE_MS)
        pause = LONGEST_PAUSE_MS;
    return pause + pause * (int64_t)(random % 1024) / 4096;
}

int64_t backoff_spread(unsigned times, uint32_t random)
{
    int64_t most = times < 4 ? (int64_t)FIRST_SPREAD_MS << times : LONGEST_SPREAD_MS;
    return (int64_t)(random % (uint32_t)most);
}

int64_t seconds_parse(const char *text)
{
    static const char digits[] = "0123456789";
    text += strspn(text, " \t");
    size_t whole = strspn(text, digits);
    int64_t seconds = 0;
    for (size_t i = 0; i < whole; i++)
        seconds = seconds < MOST_SECONDS ? seconds * 10 + (text[i] - '0') : MOST_SECONDS;
    text += whole;
    size_t fraction = 0;
    int64_t milliseconds = 0;
    if (*text == '.') {
        fraction = strspn(++text, digits);
        for (size_t i = 0; i < 3; i++)
            milliseconds = milliseconds * 10 + (i < fraction ? text[i] - '0' : 0);
        text += fraction;
    }
    text += strspn(text, " \t\r\n");
    if (*text || whole + fraction == 0)
        return -1;
    return seconds * 1000 + milliseconds;
}

int64_t retry_after_parse(const char *text, time_t now)
{
    int64_t pause = seconds_parse(text);
    if (pause >= 0)
        return pause;
    time_t date = curl_getdate(text, NULL);
    if (date == -1)
        return -1;
    return date > now ? (int64_t)(date - now) * 1000 : 0;
}
