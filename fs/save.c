/* SPDX-License-Identifier: MIT */
#include "save.h"

#include "base/clock.h"
#include "directory.h"
#include "errnos.h"
#include "kernel_cache.h"
#include "local.h"
#include "member.h"
#include "options.h"
#include "registry_change.h"
#include "room.h"
#include "stat.h"
#include "unsaved.h"

#include <errno.h>
#include <limits.h>

enum { SAVE_LIMIT_MS = 58000 /* a save ends within 60 s (design 5) */ };

struct draft *draft_new(struct filesystem *fs, struct place place, const struct buf *text,
                        bool fresh, bool append)
{
    struct draft *draft = calloc(1, sizeof *draft);
    if (!draft)
        return NULL;
    draft->references = 1;
    draft->place = place;
    node_hold(&fs->nodes, place.node);
    draft->member = member_by_id(place.node->kind, place.member);
    draft->base = object_ref(place.node->object);
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    bool good = fresh || text || place_render(fs, place, &shown);
    if (!text)
        text = &shown;
    good = edit_init(&draft->edit, draft->member->editing->commit, EDIT_CEILING, text->data,
                     text->size, fresh, append) &&
           good;
    if (good)
        return draft;
    draft_drop(fs, draft);
    return NULL;
}

void draft_drop(struct filesystem *fs, struct draft *draft)
{
    if (--draft->references > 0)
        return;
    node_drop(&fs->nodes, draft->place.node);
    object_unref(draft->base);
    edit_release(&draft->edit);
    free(draft);
}

/* --- the save itself, on a worker --- */

static bool render_equal(struct filesystem *fs, const struct member *member,
                         const struct registry *a, const struct registry *b)
{
    cleanup_buf struct buf left, right;
    buf_init(&left, TEXT_CEILING);
    buf_init(&right, TEXT_CEILING);
    return member->render(fs, member, a, &left) && member->render(fs, member, b, &right) &&
           left.size == right.size && (left.size == 0 || !memcmp(left.data, right.data, left.size));
}

static struct text text_of_change(const struct change *change)
{
    return (struct text){change->text.data ? change->text.data : "", change->text.size};
}

static int send(struct change *change, struct call *call, const struct registry *now,
                const struct wanted *wanted)
{
    if (wanted->new_name.bytes)
        return registry_change_rename(change, call, now, wanted->new_name);
    cleanup_object struct registry *result = NULL;
    int outcome = client_save_registry(change->fs->client, call, now, &wanted->change, &result);
    if (result)
        registry_change_show(change, result);
    return outcome;
}

/* What the text asks of the registry as it is now, which differs from what the text was made from
 * when somebody else has changed it. */
static int compare_and_send(struct change *change, struct call *call, const struct registry *now)
{
    const struct member *member = change->member;
    cleanup_wanted struct wanted wanted = {0};
    struct error refusal = {0};
    int parsed = member->editing->parse(text_of_change(change), now, &wanted, &refusal);
    change->nothing = parsed == 0 && wanted.nothing;
    if (change->nothing)
        return 0;
    if (!render_equal(change->fs, member, change->base, now))
        return error_set(call->error, ERROR_STALE,
                         "somebody else has changed %s meanwhile; nothing was sent", member->name);
    if (parsed != 0)
        return error_set(call->error, refusal.kind, "%s", refusal.message);
    return send(change, call, now, &wanted);
}

static int run_save(struct change *change, struct call *call)
{
    cleanup_wanted struct wanted wanted = {0};
    cleanup_object struct registry *now = NULL;
    /* What breaks the rules is refused without asking anybody. */
    if (change->member->editing->parse(text_of_change(change), change->base, &wanted,
                                       call->error) != 0 ||
        registry_change_read(change, call, &now) != 0)
        return -1;
    return compare_and_send(change, call, now);
}

/* The scratch file is the attribute from now on: so is who has it open, and so it looks. */
static void take_place_of(struct change *change, struct place place)
{
    struct filesystem *fs = change->fs;
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    struct stat as;
    if (!place_stat(fs, (struct place){local_file(change->source), MEMBER_SELF}, &shown, &as))
        return;
    buf_clear(&shown);
    if (place_render(fs, place, &shown))
        room_disguise(fs, place, &as, &shown);
    local_become(fs, change->source, place.member);
}

/* An editor's backup is not to be left behind in the listing once its text is saved. */
static void unlist_backup(struct change *change)
{
    char name[NAME_LIMIT + 1];
    snprintf(name, sizeof name, "%s~", change->member->name);
    struct local *backup = local_of(node_find(&change->fs->nodes, change->node, MEMBER_SELF, name));
    if (backup)
        backup->unlisted = true;
}

/* A file that was to be renamed keeps its base: the kernel tries a rename that was answered with
 * ESTALE once more, and that must not save what the first one refused. */
static void tell_draft(struct change *change, const struct error *error)
{
    struct draft *draft = change->draft;
    if (!draft)
        return;
    draft->change = NULL;
    if (error) {
        edit_failed(&draft->edit, errno_of(error->kind));
        return;
    }
    edit_saved(&draft->edit);
    object_unref(draft->base);
    draft->base = object_ref(change->node->object);
}

/* What is known of the last save of an attribute; `error` NULL: it went well. */
static void note_outcome(struct filesystem *fs, struct place place, const struct buf *text,
                         const struct error *error)
{
    struct attribute *attribute = error ? room_attribute(fs, place) : room_find_attribute(place);
    if (attribute) {
        free(attribute->error);
        attribute->error = error ? strdup(error->message) : NULL;
    }
    if (error)
        unsaved_keep(fs, place, text->data, text->size);
    else
        unsaved_drop(fs, place);
}

static void save_ended(struct change *change, const struct error *error)
{
    struct filesystem *fs = change->fs;
    struct place place = {change->node, change->member->id};
    note_outcome(fs, place, &change->text, error);
    tell_draft(change, error);
    if (error || change->nothing)
        return;
    struct room *room = room_find(change->node);
    if (room)
        room->saves++;
    room_unhide(place);
    unlist_backup(change);
    if (change->source)
        take_place_of(change, place);
    else
        room_undisguise(place);
}

static const struct change_type save_file = {"save", run_save, save_ended, SAVE_LIMIT_MS};
static const struct change_type save_rename = {"save", run_save, save_ended, 0};

/* --- starting one --- */

/* Whether the attribute has this value already, as far as it is known at this moment. */
static bool is_nothing(struct filesystem *fs, struct place place, const struct member *member,
                       struct text text)
{
    cleanup_wanted struct wanted wanted = {0};
    struct error error = {0};
    return ready_seconds_left(fs, place.node) > 0 &&
           member->editing->parse(text, place.node->object, &wanted, &error) == 0 && wanted.nothing;
}

static struct change *new_save(struct filesystem *fs, struct place place, const struct buf *text,
                               const struct registry *base, const struct change_type *type)
{
    struct change *change = change_new(fs, type, place.node);
    if (!change)
        return NULL;
    change->member = member_by_id(place.node->kind, place.member);
    change->base = object_ref(base);
    if (text->size > 0)
        buf_append(&change->text, text->data, text->size);
    return change;
}

/* A change of the same registry that has to end first; NULL: none. */
static struct change *earlier_change(struct place place)
{
    struct room *room = room_find(place.node);
    return room ? room->running : NULL;
}

enum readiness draft_save(struct request *request, struct draft *draft, bool due, int *error_number)
{
    struct filesystem *fs = request->fs;
    struct edit *edit = &draft->edit;
    if (request->change)
        return change_outcome(request, error_number);
    error_clear(&request->failure); /* that of a change that it had to wait for */
    if (draft->change)
        return change_wait(request, draft->change);
    *error_number = edit->failure;
    if (edit->failure)
        return FAILED;
    if (!due)
        return READY;
    struct text text = {edit->text.data ? edit->text.data : "", edit->text.size};
    if (is_nothing(fs, draft->place, draft->member, text)) {
        note_outcome(fs, draft->place, NULL, NULL);
        edit_saved(edit);
        return READY;
    }
    if (earlier_change(draft->place))
        return change_wait(request, earlier_change(draft->place));
    struct change *change = new_save(fs, draft->place, &edit->text, draft->base, &save_file);
    if (!change) {
        *error_number = ENOMEM;
        return FAILED;
    }
    change->draft = draft;
    draft->references++;
    draft->change = change;
    return change_begin(request, change, error_number);
}

void draft_revert_emptied(struct draft *draft)
{
    struct edit *edit = &draft->edit;
    if (edit_is_emptied(edit) && !draft->member->editing->may_be_empty)
        edit_saved(edit);
}

void draft_keep_rest(struct filesystem *fs, struct draft *draft)
{
    const struct edit *edit = &draft->edit;
    char path[PATH_MAX];
    struct text text = {edit->text.data ? edit->text.data : "", edit->text.size};
    if (!edit->wrote || draft->change || is_nothing(fs, draft->place, draft->member, text))
        return;
    unsaved_keep(fs, draft->place, text.bytes, text.size);
    place_path(draft->place, path, sizeof path);
    journal_add(fs->journal, "close", path, ERROR_LOCAL,
                "what was written after the last save is kept in unsaved/");
}

/* Whether one of the complete lines is refused, whatever follows. */
static bool has_illegal_line(const struct draft *draft, struct text text)
{
    cleanup_wanted struct wanted wanted = {0};
    struct error error = {0};
    const char *end = text.size ? memrchr(text.bytes, '\n', text.size) : NULL;
    if (!end)
        return false;
    text.size = (size_t)(end - text.bytes) + 1;
    return draft->member->editing->parse(text, draft->base, &wanted, &error) < 0 &&
           error.kind == ERROR_INVALID;
}

bool draft_is_hopeless(struct draft *draft)
{
    struct edit *edit = &draft->edit;
    const struct editing *editing = draft->member->editing;
    if (edit_is_no_text(edit))
        return true;
    struct text text = {edit->text.data, edit->text.size};
    if (!edit->fresh && !edit->append)
        return false;
    if (editing->has_lines)
        return has_illegal_line(draft, text);
    return text.size > 0 && editing->is_beginning && !editing->is_beginning(text);
}

/* What a scratch file was made from: the registry as it was then, unless this mount itself has
 * saved something since. */
static const struct registry *base_of(struct place place, const struct node *source)
{
    const struct local *local = local_of(source);
    const struct room *room = room_find(place.node);
    unsigned saves = room ? room->saves : 0;
    return local && local->base && local->base_saves == saves ? local->base : place.node->object;
}

enum readiness save_text(struct request *request, struct place place, struct node *source,
                         int *error_number)
{
    static const struct buf empty;
    struct filesystem *fs = request->fs;
    if (request->change)
        return change_outcome(request, error_number);
    error_clear(&request->failure);
    const struct member *member = member_by_id(place.node->kind, place.member);
    const struct buf *text = source ? &local_of(source)->text : &empty;
    if (is_nothing(fs, place, member, (struct text){text->size ? text->data : "", text->size})) {
        note_outcome(fs, place, NULL, NULL);
        return READY;
    }
    if (earlier_change(place))
        return change_wait(request, earlier_change(place));
    struct change *change =
        new_save(fs, place, text, base_of(place, source), source ? &save_rename : &save_file);
    *error_number = ENOMEM;
    if (!change)
        return FAILED;
    if (source) {
        change->source = source;
        node_hold(&fs->nodes, source);
    }
    return change_begin(request, change, error_number);
}
