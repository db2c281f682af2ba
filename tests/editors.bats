#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real editors in terminals, with their default settings, on attributes: saved exactly, with one
# upsert, nothing left behind; where the server refuses or is gone they say so wherever they can see
# it, and the text is kept. contrib/editor-matrix makes contrib/editors.md of what is seen here.

load lib/helpers
load lib/editing
load lib/attempts
load lib/editors

setup_file() { programs_setup_file; }

teardown() {
    in_tmux kill-server 2>/dev/null || true
    test_teardown
}

@test "vim" { works vim; }
@test "neovim" { works nvim; }
@test "nano" { works nano; }
@test "emacs -nw" { works emacs; }
@test "micro" { works micro; }
@test "mcedit" { works mcedit; }
@test "joe" { works joe; }
@test "ne" { works ne; }
@test "kakoune" { works kak; }
@test "nvi" { works nvi; }
@test "vis" { works vis; }
@test "mg" { works mg; }
@test "jed" { works jed; }
@test "dte" { works dte; }
@test "busybox vi" { works busybox_vi; }

@test "the server goes" {
    find_nobody vim nvim nano emacs micro mcedit joe ne kak nvi vis mg jed dte busybox_vi
}
