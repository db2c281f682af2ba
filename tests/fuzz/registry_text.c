/* SPDX-License-Identifier: MIT */
/*
 * A text that is saved to each of a registry's attributes. What is accepted has only beginnings
 * that are accepted, and asks for nothing more once the registry is so.
 */
#include "text/registry_text.h"
#include "base/banned.h"
#include "fuzz.h"
#include "registry.h"

enum { MOST_PREFIXES = 4096 };

static const struct text types[] = {{"dataset", 7}, {"two\nlines", 9}, {" ", 1}, {"", 0}};

static void prefixes_must_be_beginnings(const struct editing *editing, struct text text)
{
    for (size_t size = 0; editing->is_beginning && size <= text.size && size < MOST_PREFIXES;
         size++) {
        cleanup_free char *prefix = fuzz_string((const uint8_t *)text.bytes, size);
        must(editing->is_beginning((struct text){prefix, size}));
    }
}

/* The registry as it is once the server has taken the change; its parts stay `wanted`'s. */
static void apply(struct registry *registry, const struct wanted *wanted, struct text *all_types)
{
    const struct registry_change *change = &wanted->change;
    size_t count = registry->artifact_types.count;
    if (wanted->new_name.bytes)
        registry->name = wanted->new_name;
    if (change->description)
        registry->description = *change->description;
    if (change->visibility)
        registry->visibility = *change->visibility;
    if (change->allow_all_artifact_types)
        registry->allow_all_artifact_types = *change->allow_all_artifact_types;
    if (!change->new_artifact_types)
        return;
    memcpy(all_types, registry->artifact_types.items, count * sizeof *all_types);
    for (size_t i = 0; i < change->new_artifact_types->count; i++)
        all_types[count++] = change->new_artifact_types->items[i];
    registry->artifact_types = (struct texts){all_types, count};
}

static void must_be_legal(const struct wanted *wanted, const struct registry *now)
{
    struct error error = {0};
    const struct texts *added = wanted->change.new_artifact_types;
    must(!wanted->new_name.bytes || registry_check_name(wanted->new_name, &error) == 0);
    must(!wanted->change.description || wanted->description.size <= DESCRIPTION_CEILING);
    must(!added || added->count == 0 || !now->allow_all_artifact_types);
    for (size_t i = 0; added && i < added->count; i++) {
        must(registry_check_artifact_type(added->items[i], &error) == 0);
        must(!registry_has_type(&now->artifact_types, added->items[i]));
    }
}

static void save(const struct editing *editing, struct text text, bool allow_all)
{
    struct registry registry = {.name = text_of("model"),
                                .description = text_of("old"),
                                .allow_all_artifact_types = allow_all,
                                .artifact_types = {types, sizeof types / sizeof *types}};
    cleanup_wanted struct wanted wanted = {0}, again = {0};
    struct error error = {0};
    if (editing->parse(text, &registry, &wanted, &error) != 0) {
        must(error.kind != ERROR_NONE && error.kind != ERROR_LOCAL && error.message[0]);
        return;
    }
    prefixes_must_be_beginnings(editing, text);
    must_be_legal(&wanted, &registry);
    size_t added = wanted.change.new_artifact_types ? wanted.new_types.count : 0;
    cleanup_free struct text *all = calloc(registry.artifact_types.count + added, sizeof *all);
    must(all != NULL);
    apply(&registry, &wanted, all);
    must(editing->parse(text, &registry, &again, &error) == 0 && again.nothing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct editing *const all[] = {&editing_name, &editing_description,
                                                &editing_visibility, &editing_allow_all,
                                                &editing_artifact_types};
    cleanup_free char *bytes = fuzz_string(data, size);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        save(all[i], (struct text){bytes, size}, false);
        save(all[i], (struct text){bytes, size}, true);
    }
    return 0;
}
