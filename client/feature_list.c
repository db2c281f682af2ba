/* SPDX-License-Identifier: MIT */
#include "feature_list.h"

#include "documents.h"
#include "json_text.h"

static const char *const feature_names[FEATURE_COUNT] = {
    [FEATURE_ARTIFACT_REGISTRY_SEARCH] = "ARTIFACT_REGISTRY_SEARCH",
    [FEATURE_INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION] =
        "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    [FEATURE_ARTIFACT_TAGS] = "ARTIFACT_TAGS",
    [FEATURE_PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP] = "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    [FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILES] = "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    [FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER] =
        "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    [FEATURE_ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID] =
        "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    [FEATURE_TOTAL_COUNT_IN_FILE_CONNECTION] = "TOTAL_COUNT_IN_FILE_CONNECTION",
    [FEATURE_ARTIFACT_COLLECTIONS_FILTERING_SORTING] = "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
};

/* What newer servers do without saying so: there it is asked for unless they say that it is off. */
static const unsigned retired = 1u << FEATURE_ARTIFACT_TAGS |
                                1u << FEATURE_PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP |
                                1u << FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILES |
                                1u << FEATURE_ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER;

/* What the server's list says of the feature; NULL: nothing. */
static const json_t *entry_of(const json_t *list, const char *feature)
{
    const json_t *item;
    size_t index;
    json_array_foreach(list, index, item)
    {
        if (text_is(json_text_of(json_object_get(item, "name")), feature))
            return json_object_get(item, "isEnabled");
    }
    return NULL;
}

static bool is_off(const void *list, const char *feature)
{
    const json_t *entry = entry_of(list, feature);
    return entry && !json_is_true(entry);
}

void features_update(struct features *features, const json_t *server_info)
{
    const json_t *list = json_object_get(server_info, "features");
    unsigned enabled = 0, off = 0;
    for (int i = 0; i < FEATURE_COUNT; i++) {
        enabled |= json_is_true(entry_of(list, feature_names[i])) ? 1u << i : 0;
        off |= is_off(list, feature_names[i]) ? 1u << i : 0;
    }
    atomic_store(&features->enabled, enabled);
    atomic_store(&features->off, off);
    atomic_store(&features->disabled_words, documents_words_disabled(is_off, list));
}

bool features_have(const struct features *features, enum feature feature)
{
    if (retired >> feature & 1)
        return !(atomic_load(&features->off) >> feature & 1);
    return atomic_load(&features->enabled) >> feature & 1;
}

bool features_report(const struct features *features, enum feature feature)
{
    unsigned reported = atomic_load(&features->enabled) | atomic_load(&features->off);
    return reported >> feature & 1;
}

uint64_t features_missing_words(const struct features *features)
{
    return atomic_load(&features->missing_words) | atomic_load(&features->disabled_words);
}

void features_add_missing_words(struct features *features, uint64_t words)
{
    atomic_fetch_or(&features->missing_words, words);
}

const char *feature_name(enum feature feature)
{
    return feature_names[feature];
}
