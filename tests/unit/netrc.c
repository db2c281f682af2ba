/* SPDX-License-Identifier: MIT */
#include "netrc.h"

#include "check.h"

#include <stdlib.h>

static const char *const MACHINES[] = {"api.wandb.ai:8080", "api.wandb.ai", NULL};

/* The password, NULL when there is none; `*line` is what netrc_find() returned. */
static char *find(const char *text, int *line)
{
    char *password = NULL;
    *line = netrc_find(text, strlen(text), MACHINES, &password);
    return password;
}

static void check_found(const char *text, const char *expected)
{
    int line;
    char *password = find(text, &line);
    CHECK(line == 0);
    CHECK_TEXT(password, expected);
    free(password);
}

static void check_broken(const char *text, int expected)
{
    int line;
    char *password = find(text, &line);
    CHECK(line == expected);
    CHECK(password == NULL);
    free(password);
}

static void finds_machines(void)
{
    check_found("", NULL);
    check_found("machine api.wandb.ai login user password k1\n", "k1");
    check_found("machine api.wandb.ai\n  login user\n  password k1", "k1");
    check_found("machine other login user password k1\n", NULL);
    check_found("machine API.wandb.AI password k1\n", "k1");
    check_found("machine api.wandb.ai account a user u\tpassword k1\r\n", "k1");
    check_found("machine api.wandb.ai login user\n", NULL);
}

static void prefers_the_port_then_the_host_then_default(void)
{
    check_found("default password d\nmachine api.wandb.ai password h\n"
                "machine api.wandb.ai:8080 password p\n",
                "p");
    check_found("machine api.wandb.ai:8080 password p\nmachine api.wandb.ai password h\n", "p");
    check_found("default login x password d\nmachine api.wandb.ai password h\n", "h");
    check_found("machine other password o\ndefault password d\n", "d");
    check_found("machine api.wandb.ai password a\nmachine api.wandb.ai password b\n", "b");
}

static void reads_quotes_comments_and_macros(void)
{
    check_found("machine api.wandb.ai password \"k 1\\\"x\"\n", "k 1\"x");
    check_found("machine api.wandb.ai password k\\ 1\n", "k 1");
    check_found("machine api.wandb.ai password a#b\n", "a#b");
    check_found("machine api.wandb.ai password #b\n", "#b");
    check_found("# machine api.wandb.ai password no\nmachine api.wandb.ai password k\n", "k");
    check_found("#\nmachine api.wandb.ai # the login\n login user #x\n password k\n", "k");
    check_found(
        "macdef init\nmachine api.wandb.ai password no\n\nmachine api.wandb.ai password k\n", "k");
    check_found("machine api.wandb.ai password k\nmacdef init\ncd x\n", "k");
    check_found("machine api.wandb.ai password \"\"\n", NULL);
}

static void tells_the_broken_line(void)
{
    check_broken("nonsense\n", 1);
    check_broken("machine api.wandb.ai password k\nlogin x\nnonsense x\n", 3);
    check_broken("machine api.wandb.ai password\n", 1);
    check_broken("\n\nmachine", 3);
    check_broken("password k\n", 1);
}

static void refuses_endless_tokens(void)
{
    static char text[10000] = "machine api.wandb.ai password ";
    char *password = NULL;
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 1);
    CHECK(netrc_find(text, sizeof text - 1, MACHINES, &password) == 1);
    CHECK(password == NULL);
    free(password);
}

int main(void)
{
    finds_machines();
    prefers_the_port_then_the_host_then_default();
    reads_quotes_comments_and_macros();
    tells_the_broken_line();
    refuses_endless_tokens();
    return check_result();
}
