/* SPDX-License-Identifier: MIT */
#include "no_proxy.h"

#include "check.h"

int main(void)
{
    CHECK(no_proxy_matches("localhost:8080", "http://localhost:8080/graphql"));
    CHECK(no_proxy_matches("a, b:1 ,LOCALHOST:80", "http://localhost/"));
    CHECK(no_proxy_matches("h:443", "https://h"));
    CHECK(no_proxy_matches(".example.com:80", "http://api.example.com"));
    CHECK(no_proxy_matches("*.example.com:80", "http://api.example.com"));
    CHECK(no_proxy_matches("example.com:80", "http://api.example.com"));
    CHECK(no_proxy_matches("example.com:80", "http://example.com"));
    CHECK(no_proxy_matches("[::1]:8080", "http://[::1]:8080/x"));
    CHECK(!no_proxy_matches("localhost:8080", "http://localhost:8081/"));
    CHECK(!no_proxy_matches("localhost:80", "https://localhost/"));
    CHECK(!no_proxy_matches("ample.com:80", "http://example.com"));
    CHECK(!no_proxy_matches("example.com:80", "http://example.com.evil"));
    CHECK(!no_proxy_matches("::1", "http://[::1]:1/"));
    CHECK(!no_proxy_matches("::1:80", "http://[::1]/"));
    CHECK(!no_proxy_matches(":80", "http://h"));
    CHECK(!no_proxy_matches("h:", "http://h"));
    CHECK(!no_proxy_matches("h", "http://h"));
    CHECK(!no_proxy_matches("", "http://h"));
    CHECK(!no_proxy_matches(NULL, "http://h"));
    CHECK(!no_proxy_matches("h:80", "nonsense://"));
    return check_result();
}
