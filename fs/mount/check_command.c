/* SPDX-License-Identifier: MIT */
#include "check_command.h"

#include "answer/read_content.h"
#include "base/clock.h"
#include "check_machine.h"
#include "connect.h"
#include "describe.h"
#include "failure.h"
#include "findings.h"
#include "pinned_source.h"
#include "report/hash.h"
#include "report/options.h"
#include "source.h"

enum { TEXT_CEILING = 8 << 10, CONTENT_PROXY_MS = 5000 };

struct check {
    struct filesystem fs;
    struct findings findings;
};

/* The text belongs to the client; that there is no memory for it says enough. */
static void describe(struct check *check, enum finding state, const char *name,
                     bool (*put)(const struct client *client, struct buf *text), const char *advice)
{
    cleanup_buf struct buf text;
    buf_init(&text, TEXT_CEILING);
    if (put(check->fs.client, &text))
        findings_add(&check->findings, state, name, text.data, advice);
    else
        findings_add(&check->findings, FINDING_UNUSABLE, name, "out of memory", NULL);
}

static void check_key(struct check *check, enum finding state, const char *verdict,
                      const char *advice)
{
    cleanup_buf struct buf text;
    buf_init(&text, TEXT_CEILING);
    client_describe_credentials(check->fs.client, &text);
    buf_printf(&text, ": %.500s", verdict);
    findings_add(&check->findings, state, "key", text.failed ? "out of memory" : text.data, advice);
}

/* Whom the key is of, and whether the server answers: two things that one request tells. */
static bool check_server(struct check *check)
{
    struct filesystem *fs = &check->fs;
    struct error error = {0};
    struct call call = {.error = &error};
    char found[512];
    int64_t began = clock_milliseconds();
    bool good = client_check(fs->client, &call, &fs->viewer) == 0;
    bool refused = error.kind == ERROR_UNAUTHENTICATED || error.kind == ERROR_FORBIDDEN;
    if (!good && !refused) {
        snprintf(found, sizeof found, "%.200s: %.300s", client_base_url(fs->client), error.message);
        findings_add(&check->findings, FINDING_UNUSABLE, "server", found,
                     "see whether base URL, proxy and certificates are right");
        check_key(check, FINDING_WELL, "not tried", NULL);
        return false;
    }
    snprintf(found, sizeof found, "%.200s answers in %lld ms", client_base_url(fs->client),
             (long long)(clock_milliseconds() - began));
    findings_add(&check->findings, FINDING_WELL, "server", found, NULL);
    snprintf(found, sizeof found, "good for %.200s",
             good && fs->viewer->username.bytes ? fs->viewer->username.bytes
                                                : "somebody without a name");
    check_key(check, good ? FINDING_WELL : FINDING_UNUSABLE, good ? found : error.message,
              good ? NULL : "take a key of this server from its page /authorize");
    return good;
}

static void check_organizations(struct check *check)
{
    struct error error = {0};
    struct call call = {.error = &error};
    cleanup_object_list struct object_list found = {0};
    cleanup_buf struct buf names;
    buf_init(&names, TEXT_CEILING);
    if (client_list_organizations(check->fs.client, &call, check->fs.viewer, &found) < 0) {
        findings_add(&check->findings, FINDING_DEGRADED, "organizations", error.message, NULL);
        return;
    }
    for (size_t i = 0; i < found.count; i++) {
        struct text name = ((const struct organization *)found.items[i])->name;
        buf_puts(&names, i ? ", " : "");
        buf_append(&names, name.bytes, name.size);
    }
    findings_add(&check->findings, found.count ? FINDING_WELL : FINDING_DEGRADED, "organizations",
                 found.count == 0 ? "none"
                 : names.failed   ? "more than fit here"
                                  : names.data,
                 found.count ? NULL : "the key sees no registry: it must be that of a member");
}

static void check_source(struct check *check)
{
    struct filesystem *fs = &check->fs;
    const char *base_url = client_base_url(fs->client);
    struct error error = {0};
    cleanup_buf struct buf name;
    buf_init(&name, TEXT_CEILING);
    if (!nodes_init(&fs->nodes, hash_bytes(0, base_url, strlen(base_url))))
        error_set(&error, ERROR_LOCAL, "out of memory");
    if (error.kind != ERROR_NONE || source_resolve(fs, fs->options->source, &error) < 0) {
        findings_add(&check->findings, FINDING_UNUSABLE, "source", error.message, NULL);
        return;
    }
    const struct version *version = source_version(fs);
    bool named = version && pinned_source_name(version, &name, &error) == 0;
    findings_add(&check->findings, FINDING_WELL, "source", named ? name.data : fs->options->source,
                 NULL);
}

static bool check_content_proxy(struct check *check, size_t index, const char *name)
{
    struct error error = {0};
    int64_t began = clock_milliseconds();
    struct call call = {.deadline = began + CONTENT_PROXY_MS, .error = &error};
    char found[512];
    bool answers = client_check_content_proxy(check->fs.client, &call, index) == 0;
    if (answers)
        snprintf(found, sizeof found, "%.200s answers in %lld ms", name,
                 (long long)(clock_milliseconds() - began));
    else
        snprintf(found, sizeof found, "%.200s: %.300s", name, error.message);
    findings_add(&check->findings, answers ? FINDING_WELL : FINDING_DEGRADED, "content proxy",
                 found, answers ? NULL : "see whether it runs, and can be reached from here");
    return answers;
}

static void check_content_proxies(struct check *check)
{
    struct content_proxy_figures member;
    bool usable = false;
    size_t count = 0;
    for (; client_read_content_proxy(check->fs.client, count, &member); count++) {
        if (member.direct)
            findings_add(&check->findings, FINDING_WELL, "content proxy",
                         "DIRECT: the storage itself, where no other can be asked", NULL);
        usable |= member.direct || check_content_proxy(check, count, member.name);
    }
    if (count > 0 && !usable)
        findings_add(&check->findings, FINDING_UNUSABLE, "content proxy",
                     "none answers, and DIRECT is not among them",
                     "no file can be read that is not in the cache: start one, or correct "
                     "--content-proxy");
}

static void check_client(struct check *check)
{
    struct filesystem *fs = &check->fs;
    struct error error = {0};
    if (connect_make_client(fs, &error) < 0) {
        findings_add(&check->findings, FINDING_UNUSABLE,
                     error.kind == ERROR_UNAUTHENTICATED ? "key" : "settings", error.message, NULL);
        return;
    }
    client_wait_out_limits(fs->client, 0); /* that there is one is to be seen soon */
    describe(check, FINDING_WELL, "proxy", client_describe_proxy, NULL);
    bool ignored = client_ignores_certificates(fs->client);
    describe(check, ignored ? FINDING_DEGRADED : FINDING_WELL, "certificates",
             client_describe_certificates,
             ignored ? "anybody on the way can take the key: unset it, and name the server's CA "
                       "certificate in SSL_CERT_FILE"
                     : NULL);
    check_content_proxies(check);
    if (!check_server(check))
        return;
    check_organizations(check);
    if (fs->options->source)
        check_source(check);
}

int check_command(const struct options *options)
{
    struct check check = {.fs = {.options = options}};
    findings_begin(&check.findings, options->json);
    check_device(&check.findings);
    check_cache(&check.findings, options);
    int code = connect_prepare(&check.fs);
    if (code == 0)
        check_client(&check);
    connect_release(&check.fs);
    bool printed = findings_end(&check.findings);
    if (code == 0 && !printed)
        return fail(EXIT_SYSTEM, "cannot write to standard output");
    return code ? code : (int)check.findings.worst;
}
