/* SPDX-License-Identifier: MIT */
#include "save.h"

#include "base/clock.h"
#include "dropped_in.h"
#include "registry_change.h"
#include "report/errnos.h"
#include "report/options.h"
#include "role_change.h"
#include "tree/lifetime.h"
#include "tree/local.h"
#include "tree/member.h"
#include "tree/room.h"
#include "tree/stat.h"
#include "unsaved.h"

#include <errno.h>
#include <limits.h>

enum {
    SAVE_LIMIT_MS = 58000, /* a save ends within 60 s (design 5) */
    WORDS_SIZE = 512,      /* of a line in errors */
};

static void give_base(struct draft *draft, const void *base, unsigned saves)
{
    void *old = draft->base;
    draft->base = object_ref(base);
    draft->base_saves = saves;
    object_unref(old);
}

struct draft *draft_new(struct filesystem *fs, struct place place, const struct local *moved,
                        bool fresh, bool append)
{
    struct draft *draft = calloc(1, sizeof *draft);
    if (!draft)
        return NULL;
    draft->references = 1;
    draft->place = place;
    node_hold(&fs->nodes, place.node);
    draft->member = member_of(place);
    draft->touched = clock_nanoseconds();
    room_add_writer(fs, place);
    give_base(draft, moved ? moved->base : place.node->object,
              moved ? moved->base_saves : room_saves(place.node));
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    const struct buf *text = moved ? &moved->text : &shown;
    bool good = fresh || moved || place_render(fs, place, &shown);
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
    room_remove_writer(draft->place);
    role_change_give_up(fs, draft->place);
    node_drop(&fs->nodes, draft->place.node);
    object_unref(draft->base);
    edit_release(&draft->edit);
    free(draft);
}

/* Appends what the attribute shows of an object. False: no memory. */
static bool render(struct filesystem *fs, const struct member *member, const void *object,
                   struct buf *text)
{
    return member->render(fs, member, object, text);
}

int draft_write(struct filesystem *fs, struct draft *draft, const void *data, size_t size,
                size_t offset)
{
    struct edit *edit = &draft->edit;
    const void *base = room_base(draft->place, draft->base, draft->base_saves);
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    draft->touched = clock_nanoseconds();
    if (!edit->failure && offset > edit->text.size && base != draft->base &&
        render(fs, draft->member, base, &shown))
        edit_fill(edit, shown.data, shown.size, offset);
    return edit_write(edit, data, size, offset);
}

int draft_resize(struct draft *draft, size_t size)
{
    draft->touched = clock_nanoseconds();
    return edit_resize(&draft->edit, size);
}

static bool is_at(const struct draft *draft, struct place place)
{
    return draft && draft->place.node == place.node && draft->place.member == place.member;
}

void open_file_drop_local(struct filesystem *fs, struct open_file *open)
{
    local_of(open->local)->opened--;
    local_use(local_of(open->local));
    dropped_in_closed(fs, open->local);
    node_drop(&fs->nodes, open->local);
    open->local = NULL;
}

struct draft *open_file_draft(struct filesystem *fs, struct open_file *open)
{
    if (open->draft || !open->local || !local_of(open->local)->became)
        return open->draft;
    struct place place = place_behind((struct place){open->local, MEMBER_SELF});
    open->draft = draft_new(fs, place, local_of(open->local), false, open->append);
    if (open->draft)
        open_file_drop_local(fs, open);
    return open->draft;
}

/* What a handle may write to an attribute; NULL: nothing. */
static struct draft *written_by(struct filesystem *fs, struct open_file *open)
{
    return open->writes ? open_file_draft(fs, open) : NULL;
}

bool drafts_resize(struct filesystem *fs, struct place place, size_t size)
{
    bool taken = false;
    for (struct open_file *open = fs->open_files; open; open = open->next) {
        struct draft *draft = written_by(fs, open);
        if (is_at(draft, place) && !draft->edit.failure && (size == 0 || draft->edit.dirty))
            taken |= draft_resize(draft, size) == 0;
    }
    return taken;
}

/* --- the save itself, on a worker --- */

static bool render_equal(struct filesystem *fs, const struct member *member, const void *a,
                         const void *b)
{
    cleanup_buf struct buf left, right;
    buf_init(&left, TEXT_CEILING);
    buf_init(&right, TEXT_CEILING);
    return render(fs, member, a, &left) && render(fs, member, b, &right) &&
           left.size == right.size && (left.size == 0 || !memcmp(left.data, right.data, left.size));
}

static struct text text_of_change(const struct change *change)
{
    return (struct text){change->text.data ? change->text.data : "", change->text.size};
}

static int send(struct change *change, struct call *call, const void *now,
                const struct wanted *wanted)
{
    struct registry *saved = NULL;
    if (wanted->role.bytes)
        return role_change_send(change, call, now, wanted->role);
    if (wanted->new_name.bytes)
        return registry_change_rename(change, call, now, wanted->new_name);
    int64_t asked = clock_nanoseconds();
    int result = client_save_registry(change->fs->client, call, now, &wanted->change, &saved);
    change->outcome = saved;
    if (saved)
        registry_change_show(change, call, change->outcome, asked);
    return result;
}

/* What the text asks of the registry as it is now, which differs from what the text was made from
 * when somebody else has changed it. */
static int compare_and_send(struct change *change, struct call *call, const void *now)
{
    const struct member *member = change->member;
    cleanup_wanted struct wanted wanted = {0};
    struct error refusal = {0};
    int parsed = member->editing->parse(text_of_change(change), now, &wanted, &refusal);
    change->nothing = parsed == 0 && wanted.nothing;
    if (change->nothing) {
        change->outcome = object_ref(now);
        return 0;
    }
    if (!render_equal(change->fs, member, change->base, now))
        return error_set(call->error, ERROR_STALE,
                         "somebody else has changed %s meanwhile; nothing was sent", member->name);
    if (parsed != 0)
        return error_set(call->error, refusal.kind, "%s", refusal.message);
    return send(change, call, now, &wanted);
}

/* What breaks the rules, whatever else has happened since, is refused without asking anybody. Not a
 * text with holes: it was written at the end of one that somebody else has put there. */
static bool is_refused(const struct change *change, struct error *error)
{
    cleanup_wanted struct wanted wanted = {0}, again = {0};
    struct error other = {0};
    const struct editing *editing = change->member->editing;
    struct text text = text_of_change(change);
    return !change->holed && editing->parse(text, change->base, &wanted, error) != 0 &&
           editing->parse(text, change->known, &again, &other) != 0;
}

static int run_save(struct change *change, struct call *call)
{
    cleanup_object struct registry *registry = NULL;
    cleanup_object struct registry_member *member = NULL;
    if (is_refused(change, call->error))
        return -1;
    error_clear(call->error);
    if (change->node->kind == NODE_ROLE)
        return role_change_read(change, call, &member) == 0 ? compare_and_send(change, call, member)
                                                            : -1;
    if (registry_change_read(change, call, &registry) != 0)
        return -1;
    return compare_and_send(change, call, registry);
}

void save_become(struct filesystem *fs, struct node *file, const char *name, struct place place,
                 const void *base)
{
    struct local *local = local_of(file);
    struct node *named = node_find(&fs->nodes, place.node, MEMBER_SELF, name);
    void *old = local->base;
    local->base = object_ref(base);
    local->base_saves = room_saves(place.node);
    object_unref(old);
    /* It may have another name since: who renames waits no longer than he likes. */
    if (named && local_file(named) == file)
        local_remove(fs, named);
    /* Of several names one is given up, and the file goes on under the others. */
    if (file->gone)
        local->became = place.member;
}

/* So it looks, too. */
static void take_place_of(struct change *change, struct place place)
{
    struct filesystem *fs = change->fs;
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    struct stat as;
    if (!place_stat(fs, (struct place){change->source, MEMBER_SELF}, &shown, &as))
        return;
    buf_clear(&shown);
    if (place_render(fs, place, &shown))
        room_disguise(fs, place, &as, &shown);
    save_become(fs, change->source, change->name, place, change->outcome);
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

static void report(struct filesystem *fs, const char *operation, struct place place,
                   const char *words)
{
    char path[PATH_MAX];
    place_path(place, path, sizeof path);
    journal_add(fs->journal, operation, path, ERROR_LOCAL, words);
}

/* Keeps a text that could not be saved; what else became of the kept ones, for errors. */
static const char *keep(struct filesystem *fs, struct place place, struct text text)
{
    static const char *const consequences[] = {
        [KEPT] = "",
        [KEPT_FOR_ANOTHER] = ("; there is no more room in unsaved/, the oldest text there goes to "
                              "the state directory (the log says where)"),
        [NOT_KEPT] = "; out of memory: its text is not kept in unsaved/",
    };
    return consequences[unsaved_keep(fs, place, text.bytes, text.size)];
}

/* A file that was to be renamed keeps its base: the kernel tries a rename that was answered with
 * ESTALE once more, and that must not save what the first one refused. */
static void tell_draft(struct change *change, const struct error *error)
{
    struct draft *draft = change->draft;
    if (!draft)
        return;
    draft->change = NULL;
    if (!error) {
        edit_saved(&draft->edit);
        give_base(draft, change->outcome, room_saves(change->node));
        return;
    }
    if (edit_has_more(&draft->edit))
        keep(change->fs, draft->place, (struct text){draft->edit.text.data, draft->edit.text.size});
    edit_failed(&draft->edit, errno_of(error->kind));
}

/* Who else has it open goes on from what was saved, unless he has emptied it since. */
static void tell_others(struct change *change, struct place place)
{
    struct filesystem *fs = change->fs;
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    if (!render(fs, change->member, change->outcome, &shown))
        return;
    for (struct open_file *open = fs->open_files; open; open = open->next) {
        struct draft *draft = written_by(fs, open);
        if (!is_at(draft, place) || draft == change->draft)
            continue;
        const struct edit *edit = &draft->edit;
        if (!edit->dirty || edit->wrote || draft->touched < change->begun)
            edit_follow(&draft->edit, shown.data ? shown.data : "", shown.size);
    }
}

/* What is known of a save that was sent or refused; `error` NULL: the server has accepted it. An
 * empty text takes nothing of what was kept away: programs empty a file on their way to writing it.
 */
static void note_outcome(struct filesystem *fs, struct place place, const struct buf *text,
                         const struct error *error)
{
    struct attribute *attribute = error ? room_attribute(fs, place) : room_find_attribute(place);
    bool empty = text->size == 0 || (text->size == 1 && text->data[0] == '\n');
    const char *consequence = "";
    if (error)
        consequence = keep(fs, place, (struct text){text->data, text->size});
    else if (!empty)
        unsaved_drop(fs, place);
    if (consequence[0])
        report(fs, "save", place, consequence + 2);
    if (attribute) {
        cleanup_buf struct buf words;
        buf_init(&words, TEXT_CEILING);
        if (error)
            buf_printf(&words, "%s%s", error->message, consequence);
        free(attribute->error);
        attribute->error = error ? buf_steal(&words) : NULL;
    }
}

static void save_ended(struct change *change, const struct error *error)
{
    struct filesystem *fs = change->fs;
    struct place place = {change->node, change->member->id};
    if (error || !change->nothing)
        note_outcome(fs, place, &change->text, error);
    if (!error && !change->nothing)
        room_note_save(fs, place, change->outcome);
    tell_draft(change, error);
    if (error || change->nothing)
        return;
    tell_others(change, place);
    room_unhide(place);
    unlist_backup(change);
    if (change->source && change->node->kind == NODE_ROLE)
        local_remove(fs, change->source);
    else if (change->source)
        take_place_of(change, place);
    else
        room_undisguise(place);
}

static void release_draft(struct change *change)
{
    if (change->draft)
        draft_drop(change->fs, change->draft);
}

static const struct change_type save_file = {.operation = "save",
                                             .run = run_save,
                                             .ended = save_ended,
                                             .release = release_draft,
                                             .time_limit_ms = SAVE_LIMIT_MS};
static const struct change_type save_rename = {
    .operation = "save", .run = run_save, .ended = save_ended, .release = release_draft};

/* --- starting one --- */

/* Whether the attribute has this value already, as far as it is known at this moment. */
static bool is_nothing(struct filesystem *fs, struct place place, const struct member *member,
                       struct text text)
{
    cleanup_wanted struct wanted wanted = {0};
    struct error error = {0};
    return lifetime_left(fs, place.node) > 0 &&
           member->editing->parse(text, place.node->object, &wanted, &error) == 0 && wanted.nothing;
}

static struct change *new_save(struct filesystem *fs, struct place place, const struct buf *text,
                               const void *base, const struct change_type *type)
{
    struct change *change = change_new(fs, type, place.node);
    if (!change)
        return NULL;
    change->member = member_of(place);
    change->base = object_ref(base);
    change->known = object_ref(place.node->object);
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

/* What it shows is about to change: a text that is equal to it is none that need not be saved. */
static bool is_being_saved(struct place place)
{
    const struct change *change = earlier_change(place);
    return change && change->member && change->member->id == place.member;
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
    if (!due || !edit->dirty)
        return READY;
    struct text text = {edit->text.data ? edit->text.data : "", edit->text.size};
    struct change *earlier = earlier_change(draft->place);
    if (!is_being_saved(draft->place) && is_nothing(fs, draft->place, draft->member, text)) {
        edit_clean(edit);
        give_base(draft, draft->place.node->object, room_saves(draft->place.node));
        return READY;
    }
    if (earlier)
        return change_wait(request, earlier);
    struct change *change =
        new_save(fs, draft->place, &edit->text,
                 room_base(draft->place, draft->base, draft->base_saves), &save_file);
    if (!change) {
        *error_number = ENOMEM;
        return FAILED;
    }
    change->draft = draft;
    change->holed = edit_has_hole(edit);
    edit_send(edit);
    draft->references++;
    draft->change = change;
    return change_begin(request, change, error_number);
}

void draft_revert_emptied(struct draft *draft)
{
    struct edit *edit = &draft->edit;
    if (edit_is_emptied(edit) && !draft->member->editing->may_be_empty)
        edit_clean(edit);
}

void draft_keep_rest(struct filesystem *fs, struct draft *draft)
{
    const struct edit *edit = &draft->edit;
    struct text text = {edit->text.data ? edit->text.data : "", edit->text.size};
    bool sent = draft->change && !edit_has_more(edit);
    bool same = !is_being_saved(draft->place) && is_nothing(fs, draft->place, draft->member, text);
    if (!edit->wrote || sent || same)
        return;
    char words[WORDS_SIZE];
    snprintf(words, sizeof words, "what was written after the last save is kept in unsaved/%s",
             keep(fs, draft->place, text));
    report(fs, "close", draft->place, words);
}

/* Whether one of the complete lines is refused, whatever follows. */
static bool has_illegal_line(const struct draft *draft, struct text text)
{
    cleanup_wanted struct wanted wanted = {0}, again = {0};
    struct error error = {0}, other = {0};
    const struct editing *editing = draft->member->editing;
    const char *end = text.size ? memrchr(text.bytes, '\n', text.size) : NULL;
    if (!end)
        return false;
    text.size = (size_t)(end - text.bytes) + 1;
    return editing->parse(text, draft->base, &wanted, &error) < 0 && error.kind == ERROR_INVALID &&
           editing->parse(text, draft->place.node->object, &again, &other) < 0 &&
           other.kind == ERROR_INVALID;
}

bool draft_is_hopeless(struct draft *draft)
{
    struct edit *edit = &draft->edit;
    const struct editing *editing = draft->member->editing;
    if (edit_is_no_text(edit))
        return true;
    struct text text = {edit->text.data, edit->text.size};
    if ((!edit->fresh && !edit->append) || edit_has_hole(edit))
        return false;
    if (editing->has_lines)
        return has_illegal_line(draft, text);
    return text.size > 0 && editing->is_beginning && !editing->is_beginning(text);
}

/* What a text was made from that is not a draft's. */
static const void *base_of(struct place place, const struct node *source)
{
    const struct local *local = local_of(source);
    return local && local->base ? room_base(place, local->base, local->base_saves)
                                : place.node->object;
}

enum readiness save_text(struct request *request, struct place place, struct node *source,
                         int *error_number)
{
    static const struct buf empty;
    struct filesystem *fs = request->fs;
    if (request->change)
        return change_outcome(request, error_number);
    error_clear(&request->failure);
    const struct member *member = member_of(place);
    const struct buf *text = source ? &local_of(source)->text : &empty;
    struct text bytes = {text->size ? text->data : "", text->size};
    if (!is_being_saved(place) && is_nothing(fs, place, member, bytes))
        return READY;
    if (earlier_change(place))
        return change_wait(request, earlier_change(place));
    struct change *change =
        new_save(fs, place, text, base_of(place, source), source ? &save_rename : &save_file);
    *error_number = ENOMEM;
    if (!change)
        return FAILED;
    if (source) {
        change->source = local_file(source);
        node_hold(&fs->nodes, change->source);
        change->name = strdup(request->name);
    }
    if (source && !change->name) {
        change_give(request, change);
        return FAILED;
    }
    return change_begin(request, change, error_number);
}
