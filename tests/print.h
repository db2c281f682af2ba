/* SPDX-License-Identifier: MIT */
/* Objects of the client as text for tests: one line an attribute. */
#ifndef TESTS_PRINT_H
#define TESTS_PRINT_H

#include "client.h"

void print_viewer(const struct viewer *viewer);
void print_organization(const struct organization *organization);
void print_registry(const struct registry *registry);
void print_collection(const struct collection *collection);
void print_version(const struct version *version);

#endif
