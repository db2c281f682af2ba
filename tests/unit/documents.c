/* SPDX-License-Identifier: MIT */
#include "documents.h"

#include "check.h"

static bool writes(const char *name, uint64_t missing, const char *part)
{
    cleanup_buf struct buf text;
    buf_init(&text, 1 << 20);
    return document_write(graphql_document(name), missing, &text) && strstr(text.data, part);
}

static void documents_are_found(void)
{
    CHECK(graphql_document("FetchRegistry")->text != NULL);
    CHECK(!graphql_document("FetchRegistry")->mutation);
    CHECK(graphql_document("UpsertRegistry")->mutation);
}

static void refused_fields_are_left_out(void)
{
    uint64_t ttl =
        documents_words_refused("Cannot query field \"ttlDurationSeconds\" on type \"Artifact\".");
    CHECK(ttl != 0);
    CHECK(ttl & document_words(graphql_document("RegistryVersions")));
    CHECK(writes("RegistryVersions", 0, "ttlDurationSeconds"));
    CHECK(!writes("RegistryVersions", ttl, "ttlDurationSeconds"));
    CHECK(writes("RegistryVersions", ttl, "historyStep"));
    CHECK(writes("RegistryVersions", ~UINT64_C(0), "versionIndex"));
}

static void blocks_are_left_out_whole(void)
{
    uint64_t features = documents_words_refused(
        "Cannot query field \"features\" on type \"ServerInfo\". Did you mean \"x\"?");
    CHECK(writes("GetViewer", 0, "serverInfo"));
    CHECK(!writes("GetViewer", features, "serverInfo"));
    CHECK(!writes("GetViewer", features, "isEnabled"));
    CHECK(writes("GetViewer", features, "username"));
}

static void arguments_are_named_in_two_ways(void)
{
    uint64_t one = documents_words_refused(
        "Unknown argument \"includeAll\" on field \"Project.artifactTypes\".");
    uint64_t other = documents_words_refused(
        "Unknown argument \"includeAll\" on field \"artifactTypes\" of type \"Project\".");
    CHECK(one != 0 && one == other);
    CHECK(!writes("FetchRegistry", one, "includeAll"));
    CHECK(writes("FetchRegistry", one, "artifactTypes("));
}

static void other_messages_name_nothing(void)
{
    CHECK(documents_words_refused("permission denied") == 0);
    CHECK(documents_words_refused("Cannot query field \"id\" on type \"Artifact\".") == 0);
    CHECK(documents_words_refused("Cannot query field \"") == 0);
    CHECK(documents_words_refused("Cannot query field \"x\"") == 0);
    CHECK(documents_words_refused("Unknown argument \"x\" on field \"") == 0);
}

/* Interfaces: the same field is refused under the name of each type. */
static void the_type_of_an_implementation_will_do(void)
{
    CHECK(
        documents_words_refused("Cannot query field \"ttlDurationSeconds\" on type \"X\".") ==
        documents_words_refused("Cannot query field \"ttlDurationSeconds\" on type \"Artifact\"."));
}

static bool tags_are_off(const void *context, const char *feature)
{
    return context == NULL && strcmp(feature, "ARTIFACT_TAGS") == 0;
}

static void features_that_are_off(void)
{
    uint64_t words = documents_words_disabled(tags_are_off, NULL);
    CHECK(words != 0);
    CHECK(!writes("RegistryVersions", words, "tags"));
    CHECK(writes("RegistryCollections", words, "tags"));
}

int main(void)
{
    documents_are_found();
    refused_fields_are_left_out();
    blocks_are_left_out_whole();
    arguments_are_named_in_two_ways();
    other_messages_name_nothing();
    the_type_of_an_implementation_will_do();
    features_that_are_off();
    return check_result();
}
