"""What each language's imports mean, on small repositories."""

from __future__ import annotations

from typing import Any

import pytest

from sequences.repository.extract import facts
from sequences.repository.languages import grammar_of
from sequences.repository.languages.rust import _flat


def test_python(imported: Any) -> None:
    found = imported(
        {
            "setup.py": "import json\n",
            "src/pkg/__init__.py": "from .core import run\n",
            "src/pkg/core.py": "import os, pkg.util.text as t\nfrom . import names\nfrom .util import *\n",
            "src/pkg/names.py": "",
            "src/pkg/util/__init__.py": "",
            "src/pkg/util/text.py": "def f():\n    from ..names import (a,\n      b)\n    from ... import nothing\n",
            "src/pkg/json.py": "import json\n",
            "space/deep/mod.py": "",
            "space/deep/other.py": "from space.deep import mod\nimport space.deep.gone\n",
            "tests/helper.py": "",
            "tests/test_core.py": "import helper\nfrom pkg.core import run\nimport pkg\n",
            "typed/__init__.pyi": "from . import b\n",
            "typed/b.pyi": "",
            "typed/b.py": "import typed.b\n",
            "scripts/tool.py": "import names\n",  # a module in another folder is not meant
        }
    )
    assert found == {
        "src/pkg/__init__.py": ["src/pkg/core.py"],
        "src/pkg/core.py": ["src/pkg/names.py", "src/pkg/util/__init__.py", "src/pkg/util/text.py"],
        "src/pkg/util/text.py": ["src/pkg/names.py"],
        "space/deep/other.py": ["space/deep/mod.py"],
        "tests/test_core.py": ["src/pkg/__init__.py", "src/pkg/core.py", "tests/helper.py"],
        "typed/__init__.pyi": ["typed/b.pyi"],
    }


def test_javascript_and_typescript(imported: Any) -> None:
    found = imported(
        {
            "package.json": '{"name": "whole"}',
            "src/index.ts": "export * from './a.js';\nimport type { B } from './b';\n",
            "src/a.ts": "import x = require('./lib');\nconst y = await import(\"@/b\");\n",
            "src/b.tsx": "import fs from 'fs';\nimport './style.css';\nexport const B = () => <div/>;\n",
            "src/lib/index.js": "const a = require('../gone'), b = require(`./x`), c = other('./data.json');\n",
            "src/lib/data.json": "{}",
            "src/lib/use.mjs": "import data from './data.json?raw';\nimport 'whole';\nimport 'lib/index';\n",
            "packages/kit/package.json": '{"name": "@me/kit"}',
            "packages/kit/src/index.ts": "",
            "packages/kit/src/deep.ts": "",
            "packages/app/main.ts": "import '@me/kit';\nimport '@me/kit/deep';\nimport '../../../../out';\n",
            "types/x.d.ts": "export * from './y.ts';\n",
            "types/y.d.ts": "",
        }
    )
    assert found == {
        "src/index.ts": ["src/a.ts", "src/b.tsx"],
        "src/a.ts": ["src/b.tsx", "src/lib/index.js"],
        "src/lib/use.mjs": ["src/index.ts", "src/lib/data.json", "src/lib/index.js"],
        "packages/app/main.ts": ["packages/kit/src/deep.ts", "packages/kit/src/index.ts"],
        "types/x.d.ts": ["types/y.d.ts"],
    }


def test_java(imported: Any) -> None:
    found = imported(
        {
            "a/src/main/java/org/x/A.java": "package org.x;\nimport org.x.util.*;\nimport static org.x.B.Inner.go;\n"
            "class A { Text t; int n = Numbers.one(); }\n",
            "a/src/main/java/org/x/B.java": "package org.x;\nimport java.util.List;\nclass B {}\n",
            "a/src/main/java/org/x/util/Text.java": "package org.x.util; class Text {}\n",
            "a/src/main/java/org/x/util/Numbers.java": "package org.x.util; class Numbers {}\n",
            "a/src/main/java/org/x/util/Unused.java": "package org.x.util; class Unused {}\n",
            "b/src/main/java/org/x/B.java": "package org.x; class B {}\n",
            "b/src/test/java/org/x/BTest.java": "package org.x; import org.x.B; class BTest {}\n",
        }
    )
    base = "a/src/main/java/org/x"
    assert found == {
        f"{base}/A.java": [f"{base}/B.java", f"{base}/util/Numbers.java", f"{base}/util/Text.java"],
        "b/src/test/java/org/x/BTest.java": ["b/src/main/java/org/x/B.java"],
    }


@pytest.mark.parametrize("manifest", [True, False])
def test_go(imported: Any, manifest: bool) -> None:
    texts = {
        "go.mod": "// a module\nmodule example.org/me/tool\n\ngo 1.22\n",
        "main.go": 'package main\n\nimport (\n\t"fmt"\n\tout "example.org/me/tool/pkg/io"\n\t_ `example.org/me/tool/cmd`\n)\n',
        "pkg/io/read.go": "package io\n",
        "pkg/io/write.go": 'package io\nimport "github.com/other/pkg/io"\n',
        "pkg/io/read_test.go": 'package io_test\nimport "example.org/me/tool/pkg/io"\n',
        "cmd/root.go": 'package cmd\nimport "example.org/me/tool/pkg/io"\n',
    }
    if not manifest:
        del texts["go.mod"]
    io = ["pkg/io/read.go", "pkg/io/write.go"]
    assert imported(texts, repo="me/tool") == {
        "main.go": ["cmd/root.go", *io], "cmd/root.go": io, "pkg/io/read_test.go": io
    }  # fmt: skip


def test_rust(imported: Any) -> None:
    found = imported(
        {
            "Cargo.toml": '[package]\nname = "my-tool"\n',
            "src/lib.rs": 'mod a;\npub mod b;\nmod gone;\n#[path = "odd/place.rs"]\nmod c;\nmod inline { use super::b::X; }\n',
            "src/a.rs": "use crate::b::{self, inner::{Y, Z as W}};\nmod tests { use super::*; }\n",
            "src/b/mod.rs": "pub mod inner;\nuse std::fmt;\n",
            "src/b/inner.rs": "use super::super::a::thing;\nuse super::X;\n",
            "src/odd/place.rs": "",
            "src/main.rs": "use my_tool::a::run;\nextern crate other;\n",
            "tests/all.rs": "mod common;\nuse my_tool::b;\n",
            "tests/common/mod.rs": "",
        }
    )
    assert found == {
        "src/lib.rs": ["src/a.rs", "src/b/mod.rs", "src/odd/place.rs"],
        "src/a.rs": ["src/b/inner.rs", "src/b/mod.rs"],
        "src/b/mod.rs": ["src/b/inner.rs"],
        "src/b/inner.rs": ["src/a.rs", "src/b/mod.rs"],
        "src/main.rs": ["src/a.rs"],
        "tests/all.rs": ["src/b/mod.rs", "tests/common/mod.rs"],
    }


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a::b", ["a::b"]),
        ("a::{b, c::{D, E as F}}", ["a::b", "a::c::D", "a::c::E"]),
        ("a::{b::{c}, d}", ["a::b::c", "a::d"]),
        ("{a, b::*}", ["a", "b"]),
        ("a as b", ["a"]),
        ("a::{}", []),
    ],
)
def test_a_use_tree_is_made_flat(text: str, paths: list[str]) -> None:
    assert _flat(text) == paths


def test_c_and_cpp(imported: Any) -> None:
    found = imported(
        {
            "src/main.c": '#include "util.h"\n#include <lib/deep.h>\n#include <string.h>\n#if X\n#include "../inc/b.h"\n#endif\n',
            "src/util.h": "#ifndef U\n#define U\n#include <stdio.h>\n#endif\n",
            "src/Util.h": "",
            "src/string.h": "",
            "inc/b.h": '#include "b.h"\n',
            "include/lib/deep.h": "",
            "other/include/lib/deep.h": "",
            "other/x.cpp": '#include "lib/deep.h"\n#include "Gone.h"\n#include MACRO\n',
        }
    )
    assert found == {
        "src/main.c": ["inc/b.h", "include/lib/deep.h", "src/util.h"],
        "other/x.cpp": ["other/include/lib/deep.h"],
    }


def test_the_language_of_the_document_counts_before_the_name() -> None:
    assert grammar_of("a.h", "c++") == "c++"
    assert grammar_of("a.h", None) == "c"
    assert grammar_of("x.tsx", "typescript") == "tsx"
    assert grammar_of("a.py", "jupyter notebook") is None
    assert grammar_of("dir.py/README", None) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "import os\n)(def class \x00\nfrom x import"),
        ("a.py", "import " + "(" * 20_000),
        ("a.js", "import from from 'x'; require(; import('"),
        ("a.java", "import ;;; package"),
        ("a.go", 'import "unclosed\nimport ( "a" '),
        ("a.rs", "use {{{::}; mod"),
        ("a.rs", "mod x {" * 3000 + "use super::y;"),
        ("a.c", "#include\n#include \"\n#include <>\n"),
        ("go.mod", "no such line"),
        ("package.json", "[1,"),
        ("package.json", "[" * 100_000),
        ("Cargo.toml", "[package"),
        ("a.py", "import \ud7ff\u2028x"),
    ],
)  # fmt: skip
def test_what_does_not_parse_gives_what_can_be_read(path: str, text: str) -> None:
    found = facts(path, None, text, 1 << 20)
    assert all(isinstance(name, str) for name in found.imports + found.declares)


def test_a_file_over_the_limit_is_not_parsed() -> None:
    assert facts("a.py", None, "import b\n" + "#" * 100, 50).imports == []
    assert facts("a.py", None, "import b\n" + "#" * 100, 500).imports == ["b"]


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.go", 'package a\n\nimport "fmt"\nimport (\n\t"os" // )\n\t"io"\n)\n\nfunc f() {}\n', ["fmt", "io", "os"]),
        ("a.go", 'package a; import "fmt"; import ("os"); func f() { import_ := 1 }\n', ["fmt", "os"]),
        ("a.go", 'package a\nimport "fmt"\nvar s = `\nimport ("os"\n`\n/* import ( */\n', ["fmt"]),
        ("a.java", "package p; import a.B; import c.D;\nclass X { String s = \"import e.F;\"; }\n", ["a.B", "c.D"]),
        ("a.java", "package p;\n/**\n import of nothing;\n*/\nimport a.B;\nclass X {\n/* one\nimport c.D;\n*/ }\n", ["a.B"]),
        ("a.java", "/*c*/import a.B;\nclass X { \n import( ; }\n", ["a.B"]),
    ],
)  # fmt: skip
def test_parsing_the_beginning_finds_what_the_whole_file_has(
    path: str, text: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = facts(path, None, text, 1 << 20)
    assert found.imports == names
    from sequences.repository.languages import go, java

    monkeypatch.delattr(go, "head")
    monkeypatch.delattr(java, "head")
    assert facts(path, None, text, 1 << 20) == found
