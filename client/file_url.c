/* SPDX-License-Identifier: MIT */
#include "file_url.h"

#include "base/banned.h"
#include "base/percent.h"

/* A part of the path, with the slash before it. */
static bool add_part(struct buf *url, struct text part)
{
    return buf_putc(url, '/') && percent_append(url, part);
}

static struct text last_part(struct text path)
{
    size_t start = path.size;
    while (start > 0 && path.bytes[start - 1] != '/')
        start--;
    return (struct text){path.bytes + start, path.size - start};
}

bool file_url_write(const struct file_url *parts, struct buf *url)
{
    char hex[2 * MD5_SIZE + 1];
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", parts->md5[i]);
    buf_puts(url, parts->base);
    if (!parts->layout_v2) {
        buf_puts(url, "/artifacts");
        add_part(url, parts->entity);
        return add_part(url, text_of(hex));
    }
    buf_puts(url, "/artifactsV2");
    add_part(url, text_of(parts->region));
    add_part(url, parts->entity);
    if (parts->with_collection) {
        add_part(url, parts->project);
        add_part(url, parts->collection);
        if (parts->with_artifact)
            add_part(url, parts->artifact);
    }
    add_part(url, parts->birth);
    add_part(url, text_of(hex));
    if (parts->with_collection)
        add_part(url, last_part(parts->path));
    return !url->failed;
}
