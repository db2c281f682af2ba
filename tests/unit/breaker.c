/* SPDX-License-Identifier: MIT */
#include "breaker.h"

#include "check.h"

static const struct error unreachable = {.kind = ERROR_UNREACHABLE, .message = "no route"};
static const struct error timed_out = {.kind = ERROR_TIMEOUT, .message = "too late"};

/* One failure after the other, each one second long. Returns the time of the last. */
static int64_t fail_times(struct breaker *breaker, int64_t now, int times)
{
    for (int i = 0; i < times; i++) {
        breaker_failure(breaker, CALL_LOOKUP, false, now, now + 1000, &unreachable);
        now += 1000;
    }
    return now;
}

static void opens_after_failures_in_a_row(void)
{
    struct breaker breaker;
    struct error error = {0};
    breaker_init(&breaker);
    int64_t now = fail_times(&breaker, 0, BREAKER_FAILURES - 1);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_ALLOW);
    CHECK(!breaker_is_open(&breaker));
    breaker_success(&breaker);
    now = fail_times(&breaker, 0, BREAKER_FAILURES - 1);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_ALLOW);
    now = fail_times(&breaker, now, 1);
    CHECK(breaker_is_open(&breaker));
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now - 1, &error) == BREAKER_REFUSE);
    CHECK(error.kind == ERROR_UNREACHABLE);
    CHECK(strstr(error.message, "no route") != NULL);
    breaker_release(&breaker);
}

static void lets_one_probe_through(void)
{
    struct breaker breaker;
    struct error error = {0};
    breaker_init(&breaker);
    int64_t now = fail_times(&breaker, 0, BREAKER_FAILURES);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now + BREAKER_FIRST_PAUSE_MS - 1, &error) ==
          BREAKER_REFUSE);
    now += BREAKER_FIRST_PAUSE_MS;
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_PROBE);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_REFUSE);
    breaker_abandon(&breaker);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_PROBE);
    breaker_success(&breaker);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_ALLOW);
    breaker_release(&breaker);
}

static void pauses_double_to_a_ceiling(void)
{
    struct breaker breaker;
    struct error error = {0};
    breaker_init(&breaker);
    int64_t now = fail_times(&breaker, 0, BREAKER_FAILURES);
    int64_t pause = BREAKER_FIRST_PAUSE_MS;
    for (int i = 0; i < 10; i++) {
        now += pause;
        CHECK(breaker_admit(&breaker, CALL_LOOKUP, now - 1, &error) == BREAKER_REFUSE);
        CHECK(breaker_admit(&breaker, CALL_LOOKUP, now, &error) == BREAKER_PROBE);
        breaker_failure(&breaker, CALL_LOOKUP, true, now, now, &timed_out);
        pause = pause * 2 > BREAKER_LONGEST_PAUSE_MS ? BREAKER_LONGEST_PAUSE_MS : pause * 2;
    }
    breaker_release(&breaker);
}

static void counts_side_by_side_failures_once(void)
{
    struct breaker breaker;
    struct error error = {0};
    breaker_init(&breaker);
    for (int i = 0; i < 20; i++)
        breaker_failure(&breaker, CALL_LOOKUP, false, 0, 10, &unreachable);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, 20, &error) == BREAKER_ALLOW);
    /* timeouts are no hiccup */
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failure(&breaker, CALL_LOOKUP, false, 0, 20, &timed_out);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, 20, &error) == BREAKER_REFUSE);
    breaker_release(&breaker);
}

static void late_failures_do_not_lengthen_the_pause(void)
{
    struct breaker breaker;
    struct error error = {0};
    breaker_init(&breaker);
    int64_t now = fail_times(&breaker, 0, BREAKER_FAILURES);
    breaker_failure(&breaker, CALL_LOOKUP, false, now, now + 500, &timed_out);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, now + BREAKER_FIRST_PAUSE_MS, &error) ==
          BREAKER_PROBE);
    breaker_release(&breaker);
}

static void lets_other_kinds_try(void)
{
    struct breaker breaker;
    struct error error = {0};
    breaker_init(&breaker);
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failure(&breaker, CALL_LISTING, false, 0, 10, &timed_out);
    CHECK(breaker_admit(&breaker, CALL_LISTING, 20, &error) == BREAKER_REFUSE);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, 20, &error) == BREAKER_ALLOW);
    CHECK(breaker_admit(&breaker, CALL_CHANGE, 20, &error) == BREAKER_ALLOW);
    breaker_failure(&breaker, CALL_LOOKUP, false, 20, 30, &timed_out);
    CHECK(breaker_admit(&breaker, CALL_LOOKUP, 40, &error) == BREAKER_REFUSE);
    CHECK(breaker_admit(&breaker, CALL_CHANGE, 40, &error) == BREAKER_ALLOW);
    breaker_failure(&breaker, CALL_CHANGE, false, 40, 50, &unreachable);
    CHECK(breaker_admit(&breaker, CALL_OPENING, 60, &error) == BREAKER_REFUSE);
    breaker_success(&breaker);
    CHECK(breaker_admit(&breaker, CALL_LISTING, 70, &error) == BREAKER_ALLOW);
    breaker_release(&breaker);
}

int main(void)
{
    opens_after_failures_in_a_row();
    lets_one_probe_through();
    pauses_double_to_a_ceiling();
    counts_side_by_side_failures_once();
    late_failures_do_not_lengthen_the_pause();
    lets_other_kinds_try();
    return check_result();
}
