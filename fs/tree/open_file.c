/* SPDX-License-Identifier: MIT */
#include "open_file.h"

#include "member.h"
#include "stat.h"

static bool same_text(const struct buf *a, const struct buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

bool open_file_text(struct filesystem *fs, struct open_file *open)
{
    struct text shared;
    return !open->object || open->text.size > 0 ||
           member_shares_text(open->member, open->object, &shared) ||
           open->member->render(fs, open->member, open->object, &open->text);
}

bool open_file_mixes(struct filesystem *fs, struct place place)
{
    cleanup_buf struct buf shown;
    buf_init(&shown, TEXT_CEILING);
    bool rendered = false;
    if (!place.node->readers)
        return false;
    for (struct open_file *open = fs->open_files; open; open = open->next) {
        if (!open->cached || open->place.node != place.node || open->place.member != place.member ||
            open->object == place.node->object)
            continue;
        if (member_known_size(open->member, open->object) >= 0)
            return true; /* too dear to be compared under the lock */
        if (!rendered && !place_render(fs, place, &shown))
            return true;
        rendered = true;
        if (!open_file_text(fs, open) || !same_text(&open->text, &shown))
            return true;
    }
    return false;
}
