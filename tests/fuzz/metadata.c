/* SPDX-License-Identifier: MIT */
/* What was laid out once stays as it is (design 2); what is shown ends in a newline. */
#include "base/buf.h"
#include "client.h"
#include "fuzz.h"

enum { CEILING = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *bytes = fuzz_string(data, size);
    cleanup_buf struct buf once, twice;
    buf_init(&once, CEILING);
    buf_init(&twice, CEILING);
    if (!metadata_format((struct text){bytes, size}, &once))
        return 0;
    must(once.size > 0 && once.data[once.size - 1] == '\n');
    if (once.size == size + 1 && memcmp(once.data, bytes, size) == 0)
        return 0; /* as it came: no JSON, or laid out already */
    if (metadata_format((struct text){once.data, once.size}, &twice))
        must(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    return 0;
}
