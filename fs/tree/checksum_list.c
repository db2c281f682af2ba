/* SPDX-License-Identifier: MIT */
#include "checksum_list.h"

#include "content.h"
#include "file_tree.h"
#include "text/name.h"

/* The path below files/: each part as its directory names it. */
static bool shown_path(struct text path, struct buf *shown)
{
    for (size_t start = 0, end; start < path.size; start = end + 1) {
        char name[NAME_LIMIT + 1];
        for (end = start; end < path.size && path.bytes[end] != '/';)
            end++;
        name_escape((struct text){path.bytes + start, end - start}, 0, name);
        if (start > 0)
            buf_putc(shown, '/');
        buf_puts(shown, name);
    }
    return !shown->failed;
}

/* As GNU md5sum: where a name holds one of these, the line begins with a backslash. */
static bool add_name(const char *name, struct buf *list)
{
    for (; *name; name++) {
        if (*name == '\\')
            buf_puts(list, "\\\\");
        else if (*name == '\n')
            buf_puts(list, "\\n");
        else if (*name == '\r')
            buf_puts(list, "\\r");
        else
            buf_putc(list, *name);
    }
    return !list->failed;
}

static bool add_line(const struct artifact_file *file, struct buf *list)
{
    cleanup_buf struct buf shown;
    buf_init(&shown, 2 * list->ceiling);
    if (!shown_path(file->path, &shown) || shown.size == 0)
        return false;
    if (strpbrk(shown.data, "\\\n\r"))
        buf_putc(list, '\\');
    for (size_t i = 0; i < MD5_SIZE; i++)
        buf_printf(list, "%02x", file->md5[i]);
    buf_puts(list, "  ");
    if (strcmp(shown.data, "-") == 0)
        buf_puts(list, "./"); /* that alone is the standard input */
    add_name(shown.data, list);
    return buf_putc(list, '\n');
}

bool checksum_list_write(const struct object_list *files, struct buf *list)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct artifact_file *file = files->items[i];
        bool stored = file->stored && file->has_md5 && !file->reference.bytes;
        if (stored && !file_tree_has_folder_at(files, i) && !add_line(file, list))
            return false;
    }
    return true;
}
