/* SPDX-License-Identifier: MIT */
#include "mutation.h"

#include "base/clock.h"
#include "internal.h"
#include "json_reader.h"

struct call mutation_call(const struct client *client, const struct call *call)
{
    struct call limited = *call;
    int64_t now = clock_milliseconds();
    limited.deadline = now + client->timeout_ms;
    if (call->deadline && now + (call->deadline - now) * 2 / 3 < limited.deadline)
        limited.deadline = now + (call->deadline - now) * 2 / 3;
    return limited;
}

static bool mutation_answer_is_lost(const struct error *error)
{
    return error->maybe_applied && !error->refused;
}

int mutation_failed(struct call *call, bool known)
{
    if (!mutation_answer_is_lost(call->error))
        return -1;
    return error_wrap(call->error, known ? "the change was not made, as reading it again shows"
                                         : "it could not be found out whether the change was made");
}

bool mutation_has_arrived(const struct error *error)
{
    return error->maybe_applied || error->refused || error->status != 0;
}

int mutation_done_all_the_same(struct client *client, struct call *call, const char *operation,
                               struct text name)
{
    const struct error answer = *call->error;
    error_clear(call->error);
    client_report(client, answer.kind, operation, text_or_empty(name),
                  "it is done, as reading again shows, although the answer was: %s",
                  answer.message);
    return 0;
}
