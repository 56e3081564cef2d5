"""The language of a file by its name, its first lines and, where names are shared, its content."""

from __future__ import annotations

import pytest

from arcmill.syntax import PARSED
from ingest.code.language import detect
from ingest.code.language_names import EXTENSIONS, LANGUAGES, SHARED

CASES = [
    ("a.py", "", "python"), ("lib/x.TSX", "", "typescript"), ("a.d.ts", "declare x", "typescript"), ("a.hpp", "", "c++"),
    ("a.blade.php", "", "blade"), ("a.php", "<?hh\n", "hack"), ("Makefile.am", "", "makefile"), ("CMakeLists.txt", "", "cmake"),
    ("notes.txt", "", "text"), (".gitignore", "", "ignore list"), ("config.h.in", "#define A 1\n", "c"), ("README", "hi", "text"),
    ("go.mod", "module x\n", "go module"), ("Cargo.lock", "", "toml"), ("x.unheard", "", None), ("data", "", None),
    ("a.h", "#include <stdio.h>\nint f(void);\n", "c"), ("a.h", "namespace x {\nclass A;\n}\n", "c++"),
    ("a.h", "@interface A\n@end\n", "objective-c"), ("a.m", "#import <F/F.h>\n", "objective-c"), ("a.m", "function y = f(x)\ny = 1;\n", "matlab"),
    ("a.m", "(* x *)\nf[x_] := x", "mathematica"), ("a.ts", "export const a = 1\n", "typescript"), ("a.ts", '<?xml version="1.0"?>\n<TS/>', "xml"),
    ("a.pl", "use strict;\nmy $x = 1;\n", "perl"), ("a.pl", ":- module(a, [b/1]).\n", "prolog"), ("a.v", "module m(a);\nendmodule\n", "verilog"),
    ("a.v", "Require Import List.\n", "rocq prover"), ("a.v", "pub fn f() {\n}\n", "v"), ("a.r", "x <- 1\n", "r"), ("a.rs", "fn main() {}\n", "rust"),
    ("a.sql", "SELECT 1;\n", "sql"), ("a.sql", "CREATE FUNCTION f() AS $$ BEGIN END $$ LANGUAGE plpgsql;", "plpgsql"),
    ("a.sql", "SELECT 1\nGO\n", "tsql"), ("a.cl", "__kernel void f(__global int *a) {}\n", "opencl"), ("a.ml", "let f x = x\n", "ocaml"),
    ("tool", "#!/usr/bin/env python3.11\n", "python"), ("tool", "#!/usr/bin/env -S node --flag\n", "javascript"), ("tool", "#!/bin/sh\n", "shell"),
    ("tool", '#!/bin/sh\n# \\\nexec tclsh "$0" "$@"\n', "tcl"), ("tool.sh", "#!/usr/bin/env python\n", "shell"),
    ("a.inc", "// -*- C++ -*-\nclass A;\n", "c++"), ("rc", "# -*- mode: ruby; coding: utf-8 -*-\n", "ruby"), ("a.cfg", "# vim: set ft=python :\n", "python"),
    ("a.py", "# -*- coding: utf-8 -*-\n", "python"), ("a.py", "x = 1\n" * 999 + "# vim: ts=4 ft=python\n", "python"), ("a.py", "# vim: ft=nonsense\n", "python"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "language"), CASES)
def test_cases(path: str, text: str, language: str | None) -> None:
    assert detect(path, text) == language


def test_the_tables_agree_with_themselves_and_the_kernel() -> None:
    assert set(PARSED) - {"tsx"} <= LANGUAGES
    assert not set(EXTENSIONS) & set(SHARED)
    assert all(name == name.lower() and name.strip() == name for name in LANGUAGES)
    for ending, languages in SHARED.items():
        assert detect(f"x.{ending}", "") == languages[0], ending


def test_patterns_are_linear_on_hostile_text() -> None:
    for text in (
        "(" * 200_000,
        "-*- " * 50_000,
        " " * 200_000,
        "// generated " * 20_000,
        "vim:" * 50_000,
        "#" * 200_000,
        "\n" * 200_000,
    ):
        for path in ("a.h", "a.m", "a.pl", "a.sql", "a.v", "a.inc", "a.cls", "a.d", "a.f", "a.re", "a.i", "a.bb", "x"):
            detect(path, text)
