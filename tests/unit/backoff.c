/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include "check.h"

static void pauses_grow_to_a_ceiling(void)
{
    CHECK(backoff_pause(0, 0) == 200);
    CHECK(backoff_pause(1, 0) == 400);
    CHECK(backoff_pause(4, 0) == 3200);
    CHECK(backoff_pause(5, 0) == 5000);
    CHECK(backoff_pause(1000000, 0) == 5000);
    for (unsigned random = 0; random < 3000; random++) {
        int64_t pause = backoff_pause(0, random * 1431655u);
        CHECK(pause >= 200 && pause < 250);
    }
    CHECK(backoff_pause(0, 1023) > backoff_pause(0, 0));
}

static void spreads_who_was_refused_together(void)
{
    int64_t largest = 0;
    for (unsigned random = 0; random < 3000; random++) {
        int64_t first = backoff_spread(0, random * 1431655u);
        int64_t later = backoff_spread(1000000, random * 1431655u);
        CHECK(first >= 0 && first < 1000);
        CHECK(later >= 0 && later < 16000);
        largest = later > largest ? later : largest;
    }
    CHECK(largest > 12000);
    CHECK(backoff_spread(1, 1999) == 1999);
}

static void reads_seconds(void)
{
    CHECK(seconds_parse("3") == 3000);
    CHECK(seconds_parse(" 1.5\r\n") == 1500);
    CHECK(seconds_parse("0.0129") == 12);
    CHECK(seconds_parse(".25") == 250);
    CHECK(seconds_parse("2.") == 2000);
    CHECK(seconds_parse("99999999999999999999") > 0);
    CHECK(seconds_parse("") == -1);
    CHECK(seconds_parse(".") == -1);
    CHECK(seconds_parse("-1") == -1);
    CHECK(seconds_parse("1s") == -1);
}

static void reads_retry_after(void)
{
    const time_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    CHECK(retry_after_parse("0.5", now) == 500);
    CHECK(retry_after_parse("Sun, 06 Nov 1994 08:49:40 GMT", now) == 3000);
    CHECK(retry_after_parse("Sun, 06 Nov 1994 08:49:30 GMT", now) == 0);
    CHECK(retry_after_parse("soon", now) == -1);
    CHECK(retry_after_parse("", now) == -1);
}

int main(void)
{
    pauses_grow_to_a_ceiling();
    spreads_who_was_refused_together();
    reads_seconds();
    reads_retry_after();
    return check_result();
}
