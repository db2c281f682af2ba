/* SPDX-License-Identifier: MIT */
#include "stat.h"

#include "content.h"
#include "directory.h"
#include "local.h"
#include "member.h"
#include "report/options.h"
#include "room.h"

enum { STAT_BLOCK = 512, PREFERRED_BLOCK = 4096, PATH_DEPTH = 32 };

static const struct artifact_file *artifact_file_of(const struct node *node)
{
    return node->object;
}

mode_t place_mode(const struct filesystem *fs, struct place place)
{
    static const mode_t own[NODE_KINDS] = {
        [NODE_ROOT] = S_IFDIR | 0555,           [NODE_CONTROL] = S_IFDIR | 0700,
        [NODE_ORGANIZATION] = S_IFDIR | 0755,   [NODE_REGISTRY] = S_IFDIR | 0755,
        [NODE_COLLECTION] = S_IFDIR | 0555,     [NODE_VERSION] = S_IFDIR | 0555,
        [NODE_PROVENANCE] = S_IFREG | 0444,     [NODE_LINK] = S_IFLNK | 0777,
        [NODE_REGISTRY_LINK] = S_IFLNK | 0777,  [NODE_COLLECTION_LINK] = S_IFLNK | 0777,
        [NODE_REGISTRY_QUERY] = S_IFDIR | 0555, [NODE_COLLECTION_QUERY] = S_IFDIR | 0555,
        [NODE_VERSION_QUERY] = S_IFDIR | 0555,  [NODE_ROSTER] = S_IFDIR | 0755,
        [NODE_ROLE] = S_IFREG | 0644,
    };
    mode_t mode = own[place.node->kind];
    if (place.node->kind == NODE_FILE)
        mode = artifact_file_of(place.node)->is_folder ? S_IFDIR | 0555 : S_IFREG | 0444;
    if (place.node->kind == NODE_LOCAL)
        return local_of(place.node)->mode;
    if (place.member != MEMBER_SELF)
        mode = member_by_id(place.node->kind, place.member)->mode;
    if (fs->options->read_only)
        mode &= ~(mode_t)(S_ISLNK(mode) ? 0 : 0222);
    return mode & ~(S_ISLNK(mode) ? 0 : fs->options->umask);
}

void place_owner(const struct filesystem *fs, struct place place, uid_t *user, gid_t *group)
{
    bool control = node_ancestor(place.node, NODE_CONTROL) != NULL;
    *user = control ? fs->options->mounter : fs->options->uid;
    *group = control ? fs->options->mounter_group : fs->options->gid;
}

/* Two digits and more at *at, which moves on; -1 when there is no digit. */
static int read_number(struct text date, size_t *at, size_t digits)
{
    int number = 0;
    for (size_t i = 0; i < digits; i++, (*at)++) {
        if (*at >= date.size || date.bytes[*at] < '0' || date.bytes[*at] > '9')
            return -1;
        number = number * 10 + (date.bytes[*at] - '0');
    }
    return number;
}

static bool read_literal(struct text date, size_t *at, const char *allowed)
{
    if (*at >= date.size || !strchr(allowed, date.bytes[*at]) || !date.bytes[*at])
        return false;
    (*at)++;
    return true;
}

static long read_fraction(struct text date, size_t *at)
{
    long nanoseconds = 0;
    long weight = 100000000;
    if (*at >= date.size || date.bytes[*at] != '.')
        return 0;
    for ((*at)++; *at < date.size && date.bytes[*at] >= '0' && date.bytes[*at] <= '9'; (*at)++) {
        nanoseconds += (date.bytes[*at] - '0') * weight;
        weight /= 10;
    }
    return nanoseconds;
}

/* Seconds east of UTC of "Z", "+hh:mm" or nothing at the end of a date. */
static bool read_zone(struct text date, size_t *at, long *east)
{
    *east = 0;
    if (*at == date.size)
        return true;
    if (read_literal(date, at, "Zz"))
        return *at == date.size;
    int sign = date.bytes[*at] == '-' ? -1 : 1;
    if (!read_literal(date, at, "+-"))
        return false;
    int hours = read_number(date, at, 2);
    if (hours < 0 || !read_literal(date, at, ":"))
        return false;
    int minutes = read_number(date, at, 2);
    *east = sign * (hours * 3600L + minutes * 60L);
    return minutes >= 0 && *at == date.size;
}

/* "2025-05-09T22:41:18" at the beginning of a date. */
static bool read_day_and_time(struct text date, size_t *at, struct tm *broken)
{
    static const struct {
        const char *before; /* what may stand in front */
        size_t digits;
        int least, most;
        size_t field;
    } parts[] = {
        {NULL, 4, 0, 9999, offsetof(struct tm, tm_year)},
        {"-", 2, 1, 12, offsetof(struct tm, tm_mon)},
        {"-", 2, 1, 31, offsetof(struct tm, tm_mday)},
        {"Tt ", 2, 0, 23, offsetof(struct tm, tm_hour)},
        {":", 2, 0, 59, offsetof(struct tm, tm_min)},
        {":", 2, 0, 60, offsetof(struct tm, tm_sec)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].before && !read_literal(date, at, parts[i].before))
            return false;
        int number = read_number(date, at, parts[i].digits);
        if (number < parts[i].least || number > parts[i].most)
            return false;
        *(int *)(void *)((char *)broken + parts[i].field) = number;
    }
    broken->tm_year -= 1900;
    broken->tm_mon--;
    return true;
}

/* A server date (RFC 3339, fraction and offset allowed); false when it cannot be read. */
static bool parse_date(struct text date, struct timespec *time)
{
    size_t at = 0;
    struct tm broken = {0};
    long east;
    if (!read_day_and_time(date, &at, &broken))
        return false;
    long nanoseconds = read_fraction(date, &at);
    if (!read_zone(date, &at, &east))
        return false;
    /* timegm makes the 2nd of March of a 30th of February; there is no such day. */
    struct tm midnight = {
        .tm_year = broken.tm_year, .tm_mon = broken.tm_mon, .tm_mday = broken.tm_mday};
    timegm(&midnight);
    if (midnight.tm_mday != broken.tm_mday)
        return false;
    time_t seconds = timegm(&broken);
    *time = (struct timespec){.tv_sec = seconds - east, .tv_nsec = nanoseconds};
    return true;
}

struct place place_behind(struct place place)
{
    const struct local *local = local_of(place.node);
    if (local && local->became)
        return (struct place){place.node->parent, local->became};
    return place;
}

bool place_render(struct filesystem *fs, struct place place, struct buf *text)
{
    const struct local *local = local_of(place.node);
    if (local)
        return local->text.size == 0 || buf_append(text, local->text.data, local->text.size);
    const struct member *member = member_of(place);
    return member && member->render && member->render(fs, member, place.node->object, text);
}

static bool measure(struct filesystem *fs, struct place place, mode_t mode, struct buf *scratch,
                    off_t *size)
{
    buf_clear(scratch);
    *size = 0;
    if (S_ISDIR(mode))
        return true;
    if (place.node->kind == NODE_FILE) {
        int64_t bytes = artifact_file_of(place.node)->size;
        *size = bytes < 0 ? 0 : bytes;
        return true;
    }
    if (place.node->object) {
        const struct member *member = member_of(place);
        off_t known = member_known_size(member, place.node->object);
        if (known >= 0) {
            *size = known;
            return true;
        }
    }
    bool good = S_ISLNK(mode) ? directory_link_target(place.node, scratch)
                              : place_render(fs, place, scratch);
    *size = (off_t)scratch->size;
    return good;
}

/* An artifact's file may have a time of its own; else it is as old as the version. */
static struct timespec time_of(const struct filesystem *fs, struct node *node)
{
    struct text created, updated;
    struct timespec time;
    if (node->kind == NODE_FILE) {
        if (parse_date(artifact_file_of(node)->updated_at, &time))
            return time;
        node = node_ancestor(node, NODE_VERSION);
    }
    if (node->kind == NODE_PROVENANCE)
        node = node->parent;
    if (node->kind == NODE_ROSTER || node->kind == NODE_ROLE)
        node = node_ancestor(node, NODE_REGISTRY);
    member_dates(node->kind, node->object, &created, &updated);
    return parse_date(updated, &time) || parse_date(created, &time) ? time : fs->mounted_at;
}

bool place_stat(struct filesystem *fs, struct place place, struct buf *scratch, struct stat *out)
{
    place = place_behind(place);
    struct timespec time = time_of(fs, place.node);
    *out = (struct stat){
        .st_ino = node_inode_number(place),
        .st_mode = place_mode(fs, place),
        .st_nlink = 1,
        .st_blksize = PREFERRED_BLOCK,
        .st_atim = time,
        .st_mtim = time,
        .st_ctim = time,
    };
    place_owner(fs, place, &out->st_uid, &out->st_gid);
    if (place.node->kind == NODE_LOCAL)
        local_stat(place.node, out);
    else if (!measure(fs, place, out->st_mode, scratch, &out->st_size))
        return false;
    else if (S_ISREG(out->st_mode) && place.node->kind != NODE_FILE)
        room_adjust_stat(place, scratch, out);
    out->st_blocks = out->st_size / STAT_BLOCK + (out->st_size % STAT_BLOCK != 0);
    return true;
}

void place_path(struct place place, char *path, size_t size)
{
    const char *parts[PATH_DEPTH * 2];
    size_t count = 0;
    uint8_t member = place.member;
    for (const struct node *node = place.node; node && count < PATH_DEPTH * 2 - 2;
         node = node->parent) {
        const struct member *row = member_by_id(node->kind, member);
        if (row)
            parts[count++] = row->name;
        if (node->parent)
            parts[count++] = node->name;
        member = node->member;
    }
    size_t used = 0;
    if (size)
        path[0] = '\0';
    while (count-- > 0 && used < size) {
        int length = snprintf(path + used, size - used, "%s%s", used ? "/" : "", parts[count]);
        used += length > 0 ? (size_t)length : 0;
    }
    if (size > 1 && !path[0])
        snprintf(path, size, "/");
}
