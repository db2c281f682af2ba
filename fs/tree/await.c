/* SPDX-License-Identifier: MIT */
#include "await.h"

#include "base/clock.h"
#include "inode/filesystem.h"
#include "report/errnos.h"
#include "stat.h"

enum {
    PATIENCE_SECONDS = 2, /* for a new answer, when an old one is at hand */
    FAILURE_SECONDS = 1, /* after which a failed call is tried again, when an old answer is there */
    PATH_SIZE = 1024,
};

/* Says once, not at every look, that what is shown is old because the server does not answer. */
static void note_stale(const struct request *request, struct place place)
{
    struct facet *facet = node_facet(place.node, place.member);
    if (!facet || facet->failed >= request->started)
        return;
    char path[PATH_SIZE];
    facet->failed = clock_nanoseconds();
    place_path(place, path, sizeof path);
    journal_add(request->fs->journal, request->operation, path, request->failure.kind,
                request->failure.kind == ERROR_SERVER
                    ? "what the server answers does not help; what was read before is shown"
                    : "the server does not answer; what was read before is shown");
}

enum readiness await_or_have(struct request *request, struct place place, bool have,
                             enum call_kind kind, int *error_number)
{
    if (request->failure.kind != ERROR_NONE) {
        if (have && errno_allows_stale(request->failure.kind)) {
            note_stale(request, place);
            return READY;
        }
        *error_number = errno_of(request->failure.kind);
        return FAILED;
    }
    if (!have) {
        request->deadline = 0; /* patience with something else, which has come */
        return WAITING;
    }
    const struct facet *facet = node_find_facet(place.node, place.member);
    int64_t failed = facet ? facet->failed : 0;
    if (failed && clock_nanoseconds() - failed < FAILURE_SECONDS * CLOCK_SECOND)
        return READY;
    if (fetches_server_is_silent(request->fs->fetches, kind))
        return READY;
    if (!request->deadline)
        request->deadline = clock_nanoseconds() + PATIENCE_SECONDS * CLOCK_SECOND;
    return WAITING;
}

void await_entry(struct request *request, const struct fetch_type *type, struct place place,
                 const char *name)
{
    request->need = (struct need){.type = type, .node = place.node, .member = place.member};
    snprintf(request->need.name, sizeof request->need.name, "%s", name);
    node_hold(&request->fs->nodes, place.node);
}

enum readiness await_call(struct request *request, struct place place, bool have,
                          const struct fetch_type *type, int *error_number)
{
    enum readiness result = await_or_have(request, place, have, type->kind, error_number);
    if (result == WAITING)
        await_entry(request, type, place, "");
    return result;
}

void await_place(struct request *request, const struct fetch_type *type, struct place place)
{
    request->deadline = request->started + LOOKUP_SECONDS * CLOCK_SECOND;
    await_entry(request, type, place, "");
}
