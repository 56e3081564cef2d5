"""SPDX expressions, and the licence that a text or a header is."""

from __future__ import annotations

import pytest
from repositories import MIT

from ingest import spdx
from ingest.code.licences import Licences, wanted

GPL_HEADER = """/* This program is free software; you can redistribute it and/or modify
 * it under the terms of the GNU General Public License as published by
 * the Free Software Foundation; either version 2 of the License, or
 * (at your option) any later version. */
int main(void);
"""


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True), ("GPL-2.0-only", False), ("MIT OR GPL-2.0-only", True), ("MIT AND GPL-2.0-only", False),
        ("GPL-2.0-only OR (MIT AND ISC)", True), ("(GPL-2.0-only OR MIT) AND (ISC OR MPL-2.0)", True), ("MIT AND (MPL-2.0 OR EPL-2.0)", False),
        ("Apache-2.0 WITH LLVM-exception", True), ("GPL-3.0-only WITH GCC-exception-3.1", False), (None, False), ("MIT MIT", False), ("(", False),
    ],
)  # fmt: skip
def test_allowed(expression: str | None, allowed: bool) -> None:
    assert spdx.allows(expression, spdx.PERMISSIVE) is allowed
    assert spdx.allows(None, {"unknown"}) and spdx.allows(
        "GPL-3.0-only WITH GCC-exception-3.1", {"GPL-3.0-only WITH GCC-exception-3.1"}
    )


def test_every_permissive_name_is_one() -> None:
    assert [name for name in spdx.PERMISSIVE if spdx.canonical(name) != name] == []


def test_texts_and_headers() -> None:
    assert spdx.of_text(MIT) == "MIT"
    assert spdx.of_text(MIT + "\n\n" + "words of something else. " * 500) is None
    assert spdx.of_header("x = 1\n") is None
    assert spdx.of_header("# SPDX-License-Identifier: mit\n") == "MIT"
    assert (
        spdx.of_header("/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */")
        == "GPL-2.0-only WITH Linux-syscall-note"
    )
    assert spdx.of_header("<!-- SPDX-License-Identifier: Apache-2.0 OR MIT -->\n") == "Apache-2.0 OR MIT"
    assert spdx.of_header("# SPDX-License-Identifier: nonsense here\n") is None
    assert spdx.of_header(GPL_HEADER) == "GPL-2.0-or-later"


def test_the_nearest_statement_counts_and_metadata_before_texts() -> None:
    isc = b'Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.\n\nTHE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n'
    found = Licences({"LICENSE": MIT.encode(), "vendor/x/COPYING": isc, "crate/LICENSE": MIT.encode(),
                      "crate/Cargo.toml": b'[package]\nlicense = "MIT/Apache-2.0"\n'}, None)  # fmt: skip
    assert (found.repository, found.of("a/b/c.py", ""), found.of("vendor/x/y/z.c", "")) == ("MIT", "MIT", "ISC")
    assert found.of("crate/src/lib.rs", "") == "MIT OR Apache-2.0"
    assert found.of("a.c", GPL_HEADER) == "GPL-2.0-or-later"
    assert Licences({"LICENSE": MIT.encode(), "LICENSE-ISC": isc}, None).repository == "ISC AND MIT"
    assert Licences({"LICENSE": b"All rights reserved.\n", "package.json": b"{broken"}, None).repository is None


@pytest.mark.parametrize(
    ("path", "is_wanted"),
    [("LICENSE", True), ("a/LICENCE.txt", True), ("COPYING.LESSER", True), ("UNLICENSE", True), ("license.py", False), ("src/licenses.json", False),
     ("MIT-LICENSE.txt", True), ("package.json", True), ("a-1.dist-info/METADATA", True), ("METADATA", False), ("NOTICE", False)],
)  # fmt: skip
def test_which_files_are_asked(path: str, is_wanted: bool) -> None:
    assert wanted(path) is is_wanted
