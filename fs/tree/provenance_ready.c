/* SPDX-License-Identifier: MIT */
#include "provenance_ready.h"

#include "provenance.h"
#include "provenance_walk.h"

#include <errno.h>

/* By a page where many versions are looked at, else for this file and those that come with it. */
static enum readiness ask(struct request *request, const struct node *file, bool have,
                          int *error_number)
{
    struct place version = {file->parent, file->member};
    struct place collection = {file->parent->parent, file->member};
    if (provenance_rows[provenance_number(file)].source == FROM_MANIFEST)
        return await_call(request, version, have, &refresh_manifest, error_number);
    if (!have && provenance_page_helps(request, file->parent))
        return await_call(request, collection, have, &refresh_lineages, error_number);
    return await_call(request, version, have, &refresh_lineage, error_number);
}

enum readiness provenance_ready(struct request *request, struct node *file, bool to_read,
                                int *error_number)
{
    const struct provenance *known = provenance_known(file);
    bool gone = file->gone || file->parent->gone;
    bool enough = known && (known->state != MEASURED || !to_read);
    bool answered = known && file->fetched >= request->started;
    *error_number = gone ? ESTALE : ENOENT;
    if (gone || provenance_server_lacks(request->fs, provenance_number(file)))
        return FAILED;
    if (enough && (answered || provenance_nanoseconds_left(request->fs, file) > 0))
        return known->state == ABSENT ? FAILED : READY;
    return ask(request, file, enough && known->state != ABSENT, error_number);
}
