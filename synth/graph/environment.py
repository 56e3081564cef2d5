"""The graph that every machine has: what the installed packages say of themselves, in their metadata."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from urllib.parse import urlsplit

from arcmill.installed import Installed, installed, normalised
from synth.graph.environment_words import LICENSE_NAMES, RELATIONS, TYPES, VALUES
from synth.graph.facts import Fact
from synth.graph.people import people

_TOPICS = {"Topic": "topic", "Intended Audience": "audience", "Development Status": "status",
           "Operating System": "system", "Framework": "framework"}  # fmt: skip
_WORDS = frozenset({"topic", "audience", "status", "system"})  # whose names are words, which Chinese has others for
_RELATION_OF = {"system": "operating_system"}
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_MINIMUM = re.compile(r">=?\s*(\d+(?:\.\d+)?)")
_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht"})
_NO_ACCOUNT = frozenset({"sponsors", "orgs", "features", "about", "apps"})
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{1,40}\Z")
_KEYWORDS = 30  # of a package, at most: some list hundreds

Said = Iterator[tuple[str, Fact]]  # (the distribution that says it, what it says)


def digest(patterns: Sequence[str] | None) -> str:
    """SHA-256 of the metadata that the graph is made of."""
    sha = hashlib.sha256()
    for item in installed(patterns):
        sha.update(f"{item.name} {item.version}\n".encode())
        for name in ("METADATA", "PKG-INFO", "entry_points.txt", "WHEEL", "top_level.txt"):
            sha.update((item.distribution.read_text(name) or "").encode("utf-8", "surrogatepass") + b"\0")
        sha.update("\n".join(f"{path} {size}" for path, size in _sizes(item)).encode("utf-8", "surrogatepass"))
    return sha.hexdigest()


def facts(patterns: Sequence[str] | None, languages: Collection[str] | None) -> Said:
    """Facts of all packages, sorted by name; then the names of all that they speak of."""
    names: dict[str, tuple[str, str]] = {}  # id -> (kind of thing, name)
    items = installed(patterns)
    said: set[Fact] = set()  # a topic has one broader one, however many packages name it
    for item in items:
        place = f"{item.name} {item.version}"
        for fact in _package(item, names):
            if fact not in said:
                said.add(fact)
                yield place, fact
    for item in items:
        names[f"package:{item.name}"] = ("package", str(item.distribution.metadata["Name"]).strip())
    yield from (("environment", fact) for fact in _names(names, languages))


def _package(item: Installed, names: dict[str, tuple[str, str]]) -> Iterator[Fact]:
    metadata, subject = item.distribution.metadata, f"package:{item.name}"

    def field(name: str) -> str:
        return str(next(iter(metadata.get_all(name) or []), ""))

    def thing(kind: str, key: str, name: str) -> str:
        names.setdefault(f"{kind}:{key}", (kind, name))
        return f"{kind}:{key}"

    def edge(relation: str, kind: str, key: str, name: str) -> Fact:
        return Fact(subject, relation, thing(kind, key, name))

    if summary := " ".join(field("Summary").split()):
        yield Fact(subject, "description", summary, "text", "en")
    yield Fact(subject, "version", item.version, "text")
    for requirement in metadata.get_all("Requires-Dist") or []:
        if found := _REQUIREMENT.match(str(requirement)):
            relation = "suggests" if "extra" in str(requirement).partition(";")[2] else "requires"
            key = normalised(found[1])
            if key != item.name:
                yield edge(relation, "package", key, found[1])
    for relation, plain, addressed in (
        ("author", "Author", "Author-email"),
        ("maintainer", "Maintainer", "Maintainer-email"),
    ):
        for kind, name in people(field(plain), field(addressed)):
            yield edge(relation, kind, name.casefold(), name)
    for name in licenses(field("License-Expression"), field("License"), metadata.get_all("Classifier") or []):
        yield edge("license", "license", name, name)
    yield from _classifiers(subject, sorted(set(metadata.get_all("Classifier") or [])), thing)
    if found := _MINIMUM.search(field("Requires-Python")):
        yield edge("minimum_python", "python", found[1], f"Python {found[1]}")
    for word in sorted({*_keywords(field("Keywords"))})[:_KEYWORDS]:
        yield edge("keyword", "keyword", word, word)
    for entry in sorted({entry.name for entry in item.distribution.entry_points if entry.group == "console_scripts"}):
        yield edge("command", "command", entry, entry)
    for host, account in _homes(metadata.get_all("Project-URL") or [], field("Home-page")):
        yield edge("host", "host", host, host)
        if account:
            yield edge("account", "account", f"{host}/{account}".lower(), f"{host}/{account}")
    if found := re.search(r"^Generator: ([A-Za-z0-9._-]+)", item.distribution.read_text("WHEEL") or "", re.MULTILINE):
        key = normalised({"bdist_wheel": "wheel"}.get(found[1], found[1]))
        yield edge("build_backend", "package", key, key)
    sizes = _sizes(item)
    if sizes:
        for module in sorted({top for path, _ in sizes if (top := _top(path))}):
            yield edge("module", "module", module, module)
        yield Fact(subject, "file_count", str(len(sizes)), "number")
        yield Fact(subject, "size", str(sum(size for _, size in sizes)), "number")
        yield Fact(subject, "module_count", str(sum(path.endswith(".py") for path, _ in sizes)), "number")


def _sizes(item: Installed) -> list[tuple[str, int]]:
    """(path, bytes) of its files as its RECORD has them, without what an installer adds."""
    found = []
    for file in item.distribution.files or ():
        path = file.as_posix()
        own = not path.startswith(("..", "/")) and not path.endswith((".pyc", ".pyo"))
        if own and file.size is not None and path.rpartition("/")[2] not in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):  # fmt: skip
            found.append((path, file.size))
    return sorted(found)


def _top(path: str) -> str | None:
    """The importable name that a file belongs to."""
    first, _, rest = path.partition("/")
    if rest:
        return (
            first
            if first.isidentifier() and path.endswith((".py", ".so", ".pyd")) and not first.startswith("_")
            else None
        )
    name = first.partition(".")[0]
    return name if path.endswith((".py", ".so", ".pyd")) and name.isidentifier() and not name.startswith("_") else None


def _classifiers(subject: str, classifiers: Sequence[str], thing: Callable[[str, str, str], str]) -> Iterator[Fact]:
    for classifier in classifiers:
        group, *parts = [part.strip() for part in classifier.split(" :: ")]
        if group == "Programming Language" and parts:
            if parts[0] == "Python":
                if len(parts) == 2 and re.fullmatch(r"3\.\d+", parts[1]):
                    yield Fact(subject, "supports_python", thing("python", parts[1], f"Python {parts[1]}"))
            else:
                yield Fact(subject, "programming_language", thing("language", parts[0], parts[0]))
        elif (kind := _TOPICS.get(group)) and parts:
            if kind == "status":
                parts = [parts[0].partition(" - ")[2] or parts[0]]
            relation = _RELATION_OF.get(kind, kind)
            yield Fact(subject, relation, thing(kind, " :: ".join(parts), parts[-1]))
            for depth in range(len(parts) - 1, 0, -1):
                low, high = " :: ".join(parts[: depth + 1]), " :: ".join(parts[:depth])
                yield Fact(thing(kind, low, parts[depth]), "broader", thing(kind, high, parts[depth - 1]))


def licenses(expression: str, free: str, classifiers: Sequence[str]) -> list[str]:
    """SPDX identifiers of the licences that metadata names, in whatever way; none where it quotes a whole text."""
    if expression:
        words = [word.strip("()") for word in expression.split()]
        joined = " ".join(words).replace(" WITH ", " WITH\0").split()
        return sorted(
            {word.partition("WITH")[0] for word in joined if word not in ("AND", "OR", "WITH") and _SPDX.match(word)}
        )
    named = {LICENSE_NAMES.get(c.split(" :: ")[-1]) for c in classifiers if c.startswith("License :: ")} - {None, "BSD"}
    text = " ".join(free.split())
    known = LICENSE_NAMES.get(text) or LICENSE_NAMES.get(text.lower())
    if known is None and _SPDX.match(text) and any(sign.isdigit() or sign.isupper() for sign in text):
        known = text
    return [known] if known else sorted(name for name in named if name)


def _keywords(field: str) -> Iterator[str]:
    for word in field.split("," if "," in field else None)[:1000]:
        if 2 <= len(made := " ".join(word.split()).strip("\"'[]").casefold()) <= 40:
            yield made


def _homes(urls: Sequence[str], home: str) -> list[tuple[str, str | None]]:
    """(host, account) of a package's pages: code hosts with whose account, else the host of its home page."""
    found: dict[tuple[str, str | None], None] = {}
    for url in [home, *(str(url).partition(",")[2].strip() for url in urls)]:
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").removeprefix("www.")
        except ValueError:
            continue
        account = parts.path.strip("/").partition("/")[0]
        if host in _HOSTS and account and account.lower() not in _NO_ACCOUNT:
            found[host, account] = None
        elif url == home and "." in host:
            found[host, None] = None
    return list(found)[:4]


def _names(names: dict[str, tuple[str, str]], languages: Collection[str] | None) -> Iterator[Fact]:
    """Labels and types. Where two things would have one name, what they are is said behind it."""
    types = {words[0].casefold() for words in TYPES.values()}
    uses = Counter(name.casefold() for _, name in names.values())
    of_kind = Counter((kind, name.casefold()) for kind, name in names.values())
    chinese = languages is None or "zh" in languages
    for key in sorted(names):
        kind, name = names[key]
        yield Fact(key, "type", f"type:{kind}")
        low = name.casefold()
        plain = low not in types and (uses[low] == 1 or kind == "package")
        told = name if of_kind[kind, low] == 1 else key.partition(":")[2]  # a topic by its whole path
        yield Fact(key, "label", told if plain else f"{told} ({TYPES[kind][0]})", "text", "en")
        word = " :: ".join(VALUES.get(part, part) for part in told.split(" :: ")) if kind in _WORDS else told
        if chinese and (word != told or not plain):  # where it is the same, the English one does for both
            yield Fact(key, "label", word if plain else f"{word}（{TYPES[kind][1]}）", "text", "zh")
    for kind in sorted({kind for kind, _ in names.values()}):
        yield from _both(f"type:{kind}", TYPES[kind], chinese)
    for relation, words in RELATIONS.items():
        yield from _both(relation, words, chinese)


def _both(key: str, words: tuple[str, str], chinese: bool) -> Iterator[Fact]:
    yield Fact(key, "label", words[0], "text", "en")
    if chinese:
        yield Fact(key, "label", words[1], "text", "zh")
