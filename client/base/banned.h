/* SPDX-License-Identifier: MIT */
/*
 * Functions that no file of this project may call: they overrun, keep hidden
 * state or start a shell. Included through error.h, so everywhere.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* Headers that declare the functions come first, else the poison hits them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok gets
#pragma GCC poison localtime gmtime ctime asctime system tmpnam mktemp atoi atol

#endif
