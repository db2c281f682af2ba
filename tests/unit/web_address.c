/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "client.h"
#include "internal.h"

static bool is_address(const char *application, const char *base, const char *expected)
{
    struct client client = {.settings.app_url = (char *)(uintptr_t)application,
                            .base_url.text = (char *)(uintptr_t)base};
    struct registry registry = {.organization = text_of("Acme Corp"), .name = text_of("a/b")};
    cleanup_buf struct buf address;
    buf_init(&address, 1024);
    return client_registry_address(&client, &registry, &address) &&
           strcmp(address.data, expected) == 0;
}

#define PAGE "/orgs/Acme%20Corp/registry/a%2Fb"

static void applications(void)
{
    CHECK(is_address(NULL, "https://api.wandb.ai", "https://wandb.ai" PAGE));
    CHECK(is_address(NULL, "https://api.wandb.test", "https://app.wandb.test" PAGE));
    CHECK(is_address(NULL, "https://api.wandb.example.com", "https://wandb.example.com" PAGE));
    CHECK(is_address(NULL, "https://api.example.com/x", "https://app.example.com/x" PAGE));
    CHECK(is_address(NULL, "https://wandb.example.com", "https://wandb.example.com" PAGE));
    CHECK(is_address(NULL, "http://myapi.wandb.ai:1", "http://myapi.wandb.ai:1" PAGE));
    CHECK(is_address("https://pages.example.com//", "https://api.wandb.ai",
                     "https://pages.example.com" PAGE));
    CHECK(is_address("https://api.wandb.ai", "http://h", "https://api.wandb.ai" PAGE));
    CHECK(is_address("https://a\nb c", "http://h", "https://a%0Ab%20c" PAGE));
}

static void names(void)
{
    static const char control[] = "a\n\0&?#%+~";
    struct client client = {.base_url.text = (char *)(uintptr_t) "http://h"};
    struct version version = {.organization = text_of("\xed\xa0\x80x\xff"),
                              .registry = text_of("wandb-registry-\xc3\xb6"),
                              .entity = text_of("e-1_2.3"),
                              .collection = {control, sizeof control - 1},
                              .index = 12};
    struct collection collection = {.registry = text_of("wandb-registry-r")};
    cleanup_buf struct buf address;
    buf_init(&address, 1024);
    CHECK(client_version_address(&client, &version, &address));
    CHECK(strcmp(address.data,
                 "http://h/orgs/%EF%BF%BDx%FF/registry/%C3%B6"
                 "?selectionPath=e-1_2.3%2Fwandb-registry-%C3%B6%2Fa%0A%00%26%3F%23%25%2B~"
                 "&view=membership&version=v12") == 0);
    buf_clear(&address);
    CHECK(client_collection_address(&client, &collection, &address)); /* of no organization */
    CHECK(address.size == 0);
    buf_release(&address);
    buf_init(&address, 20);
    CHECK(!client_version_address(&client, &version, &address));
}

int main(void)
{
    applications();
    names();
    return check_result();
}
