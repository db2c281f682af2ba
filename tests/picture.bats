#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The README's picture can be made again, and nothing in it is an error.

load lib/helpers

@test "the session is typed and recorded: browse, edit, load" {
    "$ROOT/contrib/picture" "$TEST_DIR/session.svg"
    python3 -c 'import sys, xml.dom.minidom as dom
texts = dom.parse(sys.argv[1]).getElementsByTagName("text")
print("\n".join("".join(node.data for node in text.childNodes) for text in texts).replace("\u00a0", " "))' \
        "$TEST_DIR/session.svg" >"$TEST_DIR/texts"
    grep -q 'registryfs ~/wandb' "$TEST_DIR/texts"
    grep -q 'Every model here has passed the bias review.' "$TEST_DIR/texts"
    grep -q 'hidden_size' "$TEST_DIR/texts"
    grep -q 'memmap(\[' "$TEST_DIR/texts"
    run ! grep -iE 'error|no such|denied|traceback|cannot|not found' "$TEST_DIR/texts"
}
