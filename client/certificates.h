/* SPDX-License-Identifier: MIT */
/*
 * Which certificates are trusted (protocol 1.4). Go's half of the official client reads
 * SSL_CERT_FILE and SSL_CERT_DIR, Python's REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE: all that are set
 * count together. As with Go a file takes the place of the system's file, a directory that of its
 * directory.
 */
#ifndef CLIENT_CERTIFICATES_H
#define CLIENT_CERTIFICATES_H

#include "settings.h"

/* Fills in ca_file, ca_directories and ca_bundle from the environment. What cannot be read is told
 * to the sources' warn and passed over. Reads the files when there are several: blocks. */
int certificates_load(struct settings *settings, const struct settings_sources *sources,
                      struct error *error);

#endif
