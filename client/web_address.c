/* SPDX-License-Identifier: MIT */
/* Addresses of web pages (protocol 5.10). Pure. */
#include "base/percent.h"
#include "client.h"
#include "internal.h"

#include <inttypes.h>

enum { SELECTION_CEILING = 64 << 10 };

static const char REPLACEMENT[] = "%EF%BF%BD"; /* U+FFFD, for what no encoding can say */

static bool add_quoted(struct buf *address, struct text name)
{
    size_t start = 0;
    for (size_t at = 0; at < name.size; at++) {
        if (!text_is_surrogate((struct text){name.bytes + at, name.size - at}))
            continue;
        percent_append(address, (struct text){name.bytes + start, at - start});
        buf_puts(address, REPLACEMENT);
        start = at + SURROGATE_SIZE;
        at = start - 1;
    }
    return percent_append(address, (struct text){name.bytes + start, name.size - start});
}

/* An address is one line, whatever stands in a variable. */
static bool add_one_line(struct buf *address, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            buf_printf(address, "%%%02X", (unsigned char)text[i]);
        else
            buf_putc(address, text[i]);
    }
    return !address->failed;
}

/* Where the pages are, without a slash at the end. */
static bool add_application(struct buf *address, const struct client *client)
{
    static const struct {
        const char *service, *application;
    } rules[] = {
        {"://api.wandb.test", "://app.wandb.test"},
        {"://api.wandb.", "://wandb."},
        {"://api.", "://app."},
    };
    const char *base = client->settings.app_url ? client->settings.app_url : client->base_url.text;
    size_t size = strlen(base);
    while (size > 0 && base[size - 1] == '/')
        size--;
    for (size_t i = 0; !client->settings.app_url && i < sizeof rules / sizeof *rules; i++) {
        const char *found = strstr(base, rules[i].service);
        if (!found)
            continue;
        size_t after = (size_t)(found - base) + strlen(rules[i].service);
        add_one_line(address, base, (size_t)(found - base));
        buf_puts(address, rules[i].application);
        return add_one_line(address, base + after, size - after);
    }
    return add_one_line(address, base, size);
}

/* Without the name of the organization there is no page. */
static bool add_registry(struct buf *address, const struct client *client, struct text organization,
                         struct text registry)
{
    if (organization.size == 0)
        return true;
    add_application(address, client);
    buf_puts(address, "/orgs/");
    add_quoted(address, organization);
    buf_puts(address, "/registry/");
    return add_quoted(address, registry);
}

static bool add_selection(struct buf *address, struct text entity, struct text project,
                          struct text collection)
{
    cleanup_buf struct buf path;
    buf_init(&path, SELECTION_CEILING);
    if (address->size == 0)
        return true;
    buf_append(&path, entity.bytes, entity.size);
    buf_putc(&path, '/');
    buf_append(&path, project.bytes, project.size);
    buf_putc(&path, '/');
    buf_append(&path, collection.bytes, collection.size);
    return !path.failed && buf_puts(address, "?selectionPath=") &&
           add_quoted(address, (struct text){path.data, path.size});
}

bool client_registry_address(const struct client *client, const struct registry *registry,
                             struct buf *address)
{
    return add_registry(address, client, registry->organization, registry->name);
}

bool client_collection_address(const struct client *client, const struct collection *collection,
                               struct buf *address)
{
    return add_registry(address, client, collection->organization,
                        registry_name_of(collection->registry)) &&
           add_selection(address, collection->entity, collection->registry, collection->name);
}

bool client_version_address(const struct client *client, const struct version *version,
                            struct buf *address)
{
    return add_registry(address, client, version->organization,
                        registry_name_of(version->registry)) &&
           add_selection(address, version->entity, version->registry, version->collection) &&
           (address->size == 0 ||
            buf_printf(address, "&view=membership&version=v%" PRId64, version->index));
}
