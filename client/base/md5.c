/* SPDX-License-Identifier: MIT */
#include "md5.h"

#include <openssl/evp.h>

/* The library's context under our own name keeps its headers out of everyone else's. */
static EVP_MD_CTX *context_of(struct md5 *md5)
{
    return (EVP_MD_CTX *)(void *)md5;
}

struct md5 *md5_new(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return NULL;
    /* EVP_md5() alone would be refused by a FIPS configuration; content digests are no crypto. */
    EVP_MD *algorithm = EVP_MD_fetch(NULL, "MD5", "-fips");
    bool ready = algorithm && EVP_DigestInit_ex(context, algorithm, NULL) == 1;
    EVP_MD_free(algorithm);
    if (!ready) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return (struct md5 *)(void *)context;
}

bool md5_update(struct md5 *md5, const void *data, size_t size)
{
    return EVP_DigestUpdate(context_of(md5), data, size) == 1;
}

bool md5_finish(struct md5 *md5, unsigned char digest[MD5_SIZE])
{
    unsigned int size = 0;
    return EVP_DigestFinal_ex(context_of(md5), digest, &size) == 1 && size == MD5_SIZE;
}

void md5_free(struct md5 *md5)
{
    EVP_MD_CTX_free(context_of(md5));
}
