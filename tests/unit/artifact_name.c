/* SPDX-License-Identifier: MIT */
#include "text/artifact_name.h"

#include "check.h"

static void check_name(const char *source, const char *organization, const char *registry,
                       const char *collection, const char *reference)
{
    struct artifact_name name;
    CHECK(artifact_name_parse(source, &name));
    CHECK_TEXT(name.organization, organization);
    CHECK_TEXT(name.registry, registry);
    CHECK_TEXT(name.collection, collection);
    CHECK_TEXT(name.reference, reference);
    artifact_name_release(&name);
}

static void reads_every_spelling(void)
{
    check_name("acme/wandb-registry-model/churn:v3", "acme", "model", "churn", "v3");
    check_name("wandb-registry-model/churn", NULL, "model", "churn", NULL);
    check_name("wandb-registry-model/churn:release/2", NULL, "model", "churn", "release/2");
    check_name("A%2FB/wandb-registry-m/c:latest", "A%2FB", "m", "c", "latest");
    check_name("wandb-artifact:///acme/wandb-registry-model/churn:v3", "acme", "model", "churn",
               "v3");
    check_name("wandb-artifact://wandb-registry-model/churn:x:y", NULL, "model", "churn", "x:y");
    check_name("https://h:8080/acme/wandb-registry-model/churn:v3", "acme", "model", "churn", "v3");
    check_name("https://h/orgs/Acme%20Corp/registry/model?selectionPath="
               "acme-entity%2Fwandb-registry-model%2Fchurn+x&view=membership&version=v12",
               "Acme Corp", "model", "churn x", "v12");
    check_name("HTTPS://h/orgs/Acme Corp/registry/model/?version=v1&selectionPath=e/p/c%25#x",
               "Acme Corp", "model", "c%", "v1");
    check_name("https://h/orgs/acme/registry/model", "acme", "model", NULL, NULL);
    check_name("https://h/orgs/acme/registry/model?selectionPath=e%2Fp%2Fc", "acme", "model", "c",
               NULL);
    check_name("https://h/acme/wandb-registry-model/artifacts/dataset/churn/v3/files", "acme",
               "model", "churn", "v3");
}

static void reads_pinned_versions(void)
{
    static const struct {
        const char *source, *collection, *reference, *digest;
    } rows[] = {
        {"e/wandb-registry-m/c:v12@d41d8cd98f00b204", "c", "v12", "d41d8cd98f00b204"},
        {"wandb-artifact:///e/wandb-registry-m/c:v0@x", "c", "v0", "x"},
        {"https://h/e/wandb-registry-m/c:v0@x", "c", "v0", "x"},
        {"e/wandb-registry-m/a:b:v3@x", "a:b", "v3", "x"},
        {"e/wandb-registry-m/c:v3@", "c", "v3@", NULL},
        {"e/wandb-registry-m/c:best@x", "c", "best@x", NULL},
        {"e/wandb-registry-m/c:v@x", "c", "v@x", NULL},
        {"e/wandb-registry-m/c:v3x@x", "c", "v3x@x", NULL},
        {"e/wandb-registry-m/c:v3", "c", "v3", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct artifact_name name;
        CHECK(artifact_name_parse(rows[i].source, &name));
        CHECK_TEXT(name.collection, rows[i].collection);
        CHECK_TEXT(name.reference, rows[i].reference);
        CHECK_TEXT(name.digest, rows[i].digest);
        artifact_name_release(&name);
    }
}

static void refuses_the_rest(void)
{
    static const char *const others[] = {"",
                                         "acme",
                                         "acme/model",
                                         "acme/model/collections",
                                         "a/b/wandb-registry-c/d:e",
                                         "wandb-registry-/c",
                                         "acme/wandb-registry-/c:v1",
                                         "acme/wandb-registry-model/",
                                         "acme/wandb-registry-model/c:",
                                         "acme//wandb-registry-model/c",
                                         "wandb-artifact://_id/QXJ0",
                                         "wandb-artifact:",
                                         "https://h",
                                         "https://h/orgs/acme/registry",
                                         "https://h/orgs/acme/registry/m?selectionPath=x",
                                         "https://h/orgs/a/b/c/d/e/f/g/h/i/j"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct artifact_name name;
        CHECK(!artifact_name_parse(others[i], &name));
        artifact_name_release(&name);
    }
}

int main(void)
{
    reads_every_spelling();
    reads_pinned_versions();
    refuses_the_rest();
    return check_result();
}
