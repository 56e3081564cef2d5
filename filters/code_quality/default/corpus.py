"""The labelled files of the packaged model `hand-written-vs-generated-code`, from packages that were unpacked before.

Good are the files of well-kept libraries that people write by hand. Bad are files that a program wrote (protocol buffers,
API clients, bindings, Cython, parsers, tables), minified files as packages ship them, and
files made here from good ones: names shortened and comments gone, lines run together, lines in another order.

What a file is follows from its package's row in `packages.tsv`, its path, and marks of generators at its top
(`marks.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from filters.code.columns import COMMENT, FROM, KIND, STRING, TO, WORD
from filters.code_quality.default import marks

__all__ = ["KINDS", "SUFFIXES", "Package", "Sample", "packages", "samples"]

TABLE = Path(__file__).parent / "packages.tsv"
KINDS = ("hand", "generated", "minified", "made")
MOST = 60  # files of a kind and language from one package
_READ = 400  # files of a suffix and package that are read for that, the first by hash
SUFFIXES = {
    ".py": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
    ".ts": "typescript", ".tsx": "typescript", ".java": "java", ".go": "go", ".rs": "rust", ".c": "c", ".cc": "c++",
    ".cpp": "c++", ".cxx": "c++", ".hpp": "c++", ".hh": "c++", ".h": "header",
}  # fmt: skip
_HELD = {"pypi": ("python",), "sdist": ("c", "c++", "header")}  # other files of a wheel are of other projects
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|__tests__|testing|testdata|fixtures|specs?|examples?|bench(es|marks?)?|node_modules|third_party|_vendor|"
    r"vendor|vendored|extern)(/|$)|(_test|_tests|\.test|\.spec|test_[^/]*)\.[a-z]+$|(^|/)test_",
    re.IGNORECASE,
)
_PERHAPS = re.compile(  # names that generators give: such a file without a mark is on neither side
    r"(^|/)(gen|generated|autogen|auto|codegen|protocol)/|[._-](gen|generated|pb|tab|string|enumer|bindings)\.[a-z]+$|"
    r"(^|/)(zz?_?[a-z]+_(linux|windows|darwin|freebsd|openbsd|netbsd)|bindata|bindings|moc_|ui_|lex\.)",
    re.IGNORECASE,
)
_COMPILED = re.compile(r"sourceMappingURL=|__esModule|__webpack_require__|_interopRequire|__importDefault")
_CPLUSPLUS = re.compile(
    r"^\s*(?:class|namespace|template\s*<|using)\b|\bstd::|\b(?:public|private|protected):", re.MULTILINE
)
_LEAST, _LARGEST, _LARGEST_GOOD = 400, 4_000_000, 400_000  # bytes of a file
_MADE = 0.3  # share of the good files that a bad one is made of as well


@dataclass(frozen=True)
class Package:
    """A row of the table. `good`, `bad`: which paths hold hand-written and generated files; None: none do."""

    registry: str
    name: str
    version: str
    split: str
    good: re.Pattern[str] | None
    bad: re.Pattern[str] | None

    @property
    def folder(self) -> str:
        """Where it is unpacked, below the folder of all."""
        return f"{self.registry}/{self.name.replace('@', '').replace('/', '-')}"


@dataclass(frozen=True)
class Sample:
    """A labelled file. `kind`: one of `KINDS`; only "hand" is good."""

    language: str
    package: str
    path: str
    kind: str
    text: str

    @property
    def good(self) -> bool:
        return self.kind == "hand"


def packages(split: str | None = None) -> list[Package]:
    """The rows of the table, of one split or all: "train"; "check", which choices were made by before
    it was trained on as well; "test", whose misses were looked at once; "fresh", which nobody had looked at."""
    rows = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()[1:]]
    found = [
        Package(row[0], row[1], row[2], row[3], *(None if mark == "-" else re.compile(mark) for mark in row[4:6]))
        for row in rows
    ]
    return [package for package in found if split in (None, package.split)]


def samples(root: Path, *splits: str, skip: frozenset[bytes] = frozenset()) -> Iterator[Sample]:
    """The files of some splits, at most `MOST` of a kind and language from a package, each text once, none in `skip`."""
    seen = set(skip)
    for package in (package for split in splits for package in packages(split)):
        taken: dict[tuple[str, str], int] = {}
        for order, sample in _files(root / package.folder, package):
            digest = key(sample.text)
            place = (sample.language, sample.kind)
            if digest in seen or taken.get(place, 0) >= MOST:
                continue
            seen.add(digest)
            taken[place] = taken.get(place, 0) + 1
            yield sample
            if sample.good and order[0] < _MADE * 256:
                yield Sample(sample.language, sample.package, sample.path, "made", _made(sample, order[1] % 3))


def key(text: str) -> bytes:
    """What two copies of a text have in common."""
    return blake2b(text.encode("utf-8"), digest_size=16).digest()


def _files(folder: Path, package: Package) -> Iterator[tuple[bytes, Sample]]:
    """The labelled files of a package, in the order of their hashes."""
    found: list[tuple[bytes, str, Path]] = []
    for path in folder.rglob("*"):
        language = SUFFIXES.get(path.suffix)
        if language is None or language not in _HELD.get(package.registry, SUFFIXES.values()):
            continue
        name = path.relative_to(folder).as_posix()
        name = name.removeprefix("package/") if package.registry == "npm" else name
        if not _LEFT_OUT.search(name):
            found.append((blake2b(f"{package.name}\0{name}".encode(), digest_size=8).digest(), name, path))
    read: dict[str, int] = {}
    for digest, name, path in sorted(found):
        if read.get(path.suffix, 0) >= _READ or path.is_symlink() or not path.is_file():
            continue
        if not _LEAST <= path.stat().st_size <= _LARGEST:
            continue
        read[path.suffix] = read.get(path.suffix, 0) + 1
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        language = SUFFIXES[path.suffix]
        if language == "header":
            language = "c++" if _CPLUSPLUS.search(text) else "c"
        kind = _kind(text, name, package)
        if kind:
            yield digest, Sample(language, package.name, name, kind, text)


def _kind(text: str, name: str, package: Package) -> str | None:
    lines = text.count("\n") + 1
    if re.search(r"[.-]min\.", name) or len(text) > 200 * lines:
        return "minified"
    if (package.bad and package.bad.search(name)) or marks.generated(text):
        return "generated"
    if name.endswith(".d.ts"):
        return None  # mostly emitted by the compiler, also below src/
    good = package.good and package.good.search(name) and len(text) <= _LARGEST_GOOD
    doubtful = _PERHAPS.search(name) or _COMPILED.search(text) or marks.perhaps_generated(text)
    return "hand" if good and not doubtful else None  # None: not certain


def _made(sample: Sample, how: int) -> str:
    """A bad file from a good one: names shortened, or lines run together as well, or lines in another order."""
    if how == 2:
        lines = sample.text.split("\n")
        return "\n".join(sorted(lines, key=lambda line: blake2b(line.encode("utf-8"), digest_size=8).digest()))
    return _shortened(sample, together=how == 1 and sample.language not in ("python", "go"))


def _shortened(sample: Sample, *, together: bool) -> str:
    import numpy as np

    from filters.code import lexer
    from filters.code_quality.token_features import RESERVED

    source = sample.text.encode("utf-8")
    data = np.frombuffer(bytearray(source), np.uint8)
    names: dict[bytes, bytes] = {}
    out: list[bytes] = []
    at = 0
    for token in lexer.lex(data, lexer.rules(sample.language)).tolist():
        gap, word = source[at : token[FROM]], source[token[FROM] : token[TO]]
        at = token[TO]
        if together and out and out[0][:1] != b"#":
            gap = b" " if gap and _word(out[-1]) and (_word(word) or token[KIND] == STRING) else b""
        if token[KIND] == COMMENT:
            out.append(gap if not together else b"")
            continue
        if token[KIND] == WORD and word.decode("utf-8") not in RESERVED and len(word) > 2:
            word = names.setdefault(word, _short(len(names)))
        out += [gap, word]
    return (b"".join(out) + b"\n").decode("utf-8")


def _word(part: bytes) -> bool:
    return part[-1:].isalnum() or part[-1:] == b"_"


def _short(number: int) -> bytes:
    letters = ""
    while True:
        letters = "abcdefghijklmnopqrstuvwxyz"[number % 26] + letters
        number = number // 26 - 1
        if number < 0:
            return letters.encode()
