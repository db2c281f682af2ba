/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange: curl options, credentials, deadline, cancellation, retries
 * of reads, rate limits, circuit breaker (design 5). Blocks; any thread.
 * Redirects of GET are followed (at most 5), those of POST only with 307 and 308
 * below the base URL. Credentials go only to the base URL's own scheme, host,
 * port and path prefix (protocol 1.2); with HTTP_DATA only to {base}/artifacts/
 * and {base}/artifactsV2/ (protocol 8.3) and never past a redirect. User information in the URL of
 * an anonymous request goes to that URL alone.
 */
#ifndef CLIENT_HTTP_H
#define CLIENT_HTTP_H

#include "call.h"
#include "http_message.h"

/*
 * Sends the request. 0: an answer came, whatever its status (after retries), but not 429; -1: none
 * came (ERROR_UNREACHABLE, ERROR_TIMEOUT, ERROR_INTERRUPTED, ERROR_BUSY for 429 until the deadline,
 * ERROR_SERVER for a cut or oversized body and for redirects that cannot be followed,
 * ERROR_UNAUTHENTICATED when no token could be had), with error->maybe_applied set for a request
 * that is not repeatable unless it certainly never left. The response is to be released in either
 * case.
 */
int http_send(struct client *client, struct call *call, const struct http_request *request,
              struct http_response *response);

#endif
