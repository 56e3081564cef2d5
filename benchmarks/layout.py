"""The layout parser against the reST sources of a manual: code blocks and formulas that come out exactly as written."""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from hashlib import md5
from pathlib import Path
from typing import Any, NamedTuple

from ingest.page import Page, read_page
from ingest.web import IngestWeb

EPILOG = """data:
  DIR is a manual that Sphinx made, with its sources: <page>.html and _sources/<page>.rst.txt (`python3.11-doc` and
  `python-sympy-doc` of Debian are such). Needs docutils (pip install docutils), which parses the sources.

What is compared. Code: `code-block` (`sourcecode`, `code`, `highlight` of the same kind), `::` literal blocks, doctest
blocks, `doctest`, `testcode`, `testoutput`. Formulas: `math` directives, :math: roles and, with --default-role math,
text in single backquotes. Both in the order of the page: what our output holds is matched to the truth as a longest
common subsequence, so a block out of its order does not count.

Known normalisations, on the side of the truth, of what Sphinx itself leaves out of the page: options of doctest (`# doctest:
...`, `<BLANKLINE>`) in Python sessions. On both sides: blank lines at the ends of a block; in formulas runs of white space
count as one space. Nothing else.

What cannot be derived from the sources, and is counted but not scored: autodoc directives (their text is in the program),
`include` and `literalinclude` (another file), `parsed-literal` and `productionlist` (markup inside), `plot`, pages whose
source is a template. Blocks of ours that no truth answers to are told as "not in the sources"; they come from those.

Pages are halved by the MD5 of their names: the parser was developed on the first half alone.
"""
UNDERIVED = {"include", "literalinclude", "parsed-literal", "productionlist", "plot", "graphviz", "inheritance-diagram"}
SILENT = {"testsetup", "testcleanup", "index", "toctree", "highlight", "module", "currentmodule", "sectionauthor",
          "moduleauthor", "tabularcolumns", "raw", "contents", "comment", "default-role", "role", "program", "only-latex",
          "meta", "image", "audit-event-table", "miscnews", "py:module", "py:currentmodule", "limited-api-list",
          "codeauthor", "acks-none", "sphinx-none", "replace", "unicode", "date", "target-notes", "sectnum", "class-none"}  # fmt: skip
CODE = {"code-block", "sourcecode", "code", "doctest", "testcode", "testoutput"}
DOCTEST_OPTION = re.compile(r"#\s*doctest:.+$", re.MULTILINE)
BLANK_LINE = re.compile(r"^\s*<BLANKLINE>", re.MULTILINE)
FENCE = re.compile(r"^(`{3,})([^`\n]*)\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)(`+)(?!`)([^\n]+?)(?<!`)\1(?!`)")  # our blocks of prose are lines
DOLLARS = re.compile(r"\$\$((?:\\.|(?!\$\$)[^\\])+)\$\$|\$((?:[^$\\]|\\.)+)\$|\\\((.+?)\\\)|\\[^\n]", re.DOTALL)


class Truth(NamedTuple):
    code: list[tuple[str, str]]  # (text, language as the directive names it)
    formulas: list[str]
    underived: Counter[str]


class Score(NamedTuple):
    page: str
    code: int
    code_exact: int
    ours: int
    languages: int  # exact blocks whose directive names a language
    languages_right: int
    formulas: int
    formulas_exact: int
    missing: list[str]


def truth_of(source: str, default_role: str | None) -> Truth:
    """What the reST of a page holds, by docutils' own parser; directives that it does not know are read as containers."""
    import docutils.core
    from docutils import nodes, utils
    from docutils.parsers.rst import Directive, directives, roles

    underived: Counter[str] = Counter()

    class Container(Directive):
        optional_arguments = 1
        final_argument_whitespace = True
        has_content = True
        option_spec = None

        def run(self) -> list[nodes.Node]:
            name = self.name.lower()
            if name.startswith("auto") or name in UNDERIVED:
                underived[name] += 1
                return []
            if name in SILENT or "hide" in self.options:
                return []
            holder = nodes.container()
            if name in CODE:
                block = nodes.literal_block("\n".join(self.content), "\n".join(self.content))
                block["language"] = (
                    self.arguments[0] if self.arguments and name not in ("testcode", "testoutput", "doctest") else ""
                )
                block["kind"] = name
                block["untrimmed"] = "no-trim-doctest-flags" in self.options
                return [block] if self.content else []
            if name == "math":
                text = "\n".join(self.content)
                if self.arguments:
                    text = self.arguments[0] + "\n\n" + text
                return [nodes.math_block(text, text)]
            if self.arguments and name in PROSE_ARGUMENTS:
                inline, messages = self.state.inline_text(self.arguments[0], self.lineno)
                holder += [nodes.paragraph("", "", *inline), *messages]
            self.state.nested_parse(self.content, self.content_offset, holder)
            return [holder]

    class Options(dict):  # type: ignore[type-arg]
        """Accepts any option, so that `:linenos:` and such are taken off the content."""

        def __missing__(self, key: str) -> Any:
            return directives.unchanged

        def __contains__(self, key: object) -> bool:
            return True

        def __bool__(self) -> bool:
            return True

    Container.option_spec = Options()

    def role(
        name: str, raw: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
    ) -> Any:
        plain = utils.unescape(text, True)
        if name == "math":
            return [nodes.math(raw, plain)], []
        return [nodes.literal(raw, plain)], []

    kept = {"table", "list-table", "csv-table", "replace", "unicode"}
    directive, find_role = directives.directive, roles.role
    directives.directive = lambda name, *rest: directive(name, *rest) if name in kept else (Container, [])  # type: ignore[assignment]
    roles.role = lambda name, *rest: (role_named(role, name or default_role or "title"), [])  # type: ignore[assignment]
    try:
        document = docutils.core.publish_doctree(
            source,
            settings_overrides={
                "report_level": 5, "halt_level": 5, "file_insertion_enabled": False, "raw_enabled": False,
                "syntax_highlight": "none", "tab_width": 8, "pep_references": False, "rfc_references": False,
                "input_encoding": "unicode", "_disable_config": True, "line_length_limit": 1_000_000,
            },
        )  # fmt: skip
    finally:
        directives.directive, roles.role = directive, find_role
    code: list[tuple[str, str]] = []
    formulas: list[str] = []
    for node in document.findall():
        if isinstance(node, nodes.math | nodes.math_block):
            formulas.append(node.astext())
        elif isinstance(node, nodes.doctest_block | nodes.literal_block):
            text, named = node.astext(), node.get("language", "")
            session = isinstance(node, nodes.doctest_block) or node.get("kind") == "doctest" or text.startswith(">>>")
            session = session or named in ("pycon", "pycon3", "python-repl")
            if (
                session
                and not node.get("untrimmed")
                and named in ("", "pycon", "pycon3", "python", "python3", "py", "default", "python-repl")
            ):
                text = DOCTEST_OPTION.sub("", BLANK_LINE.sub("", text))
            code.append((text.strip("\n"), named))
    return Truth(code, formulas, underived)


PROSE_ARGUMENTS = {"note", "warning", "versionadded", "versionchanged", "deprecated", "seealso", "topic", "sidebar", "tip",
                   "important", "caution", "rubric", "impl-detail", "danger", "hint", "attention", "deprecated-removed"}  # fmt: skip


def role_named(role: Any, name: str) -> Any:
    return lambda _name, *rest, **more: role(name, *rest, **more)


def held(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """(code blocks with their languages, formulas) of our output, in order."""
    code = [(found[3], found[2]) for found in FENCE.finditer(text)]
    prose = SPAN.sub(" ", FENCE.sub(" ", text))
    return code, [tex for found in DOLLARS.finditer(prose) if (tex := found[1] or found[2] or found[3])]


def matched(truth: list[str], ours: list[str]) -> list[tuple[int, int]]:
    """Pairs of equal items in the same order: a longest common subsequence."""
    rows, columns = len(truth), len(ours)
    if not rows or not columns:
        return []
    if rows * columns > 4_000_000:
        blocks = SequenceMatcher(None, truth, ours, autojunk=False).get_matching_blocks()
        return [(block.a + at, block.b + at) for block in blocks for at in range(block.size)]
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            best[i][j] = best[i + 1][j + 1] + 1 if truth[i] == ours[j] else max(best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < rows and j < columns:
        if truth[i] == ours[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def score(name: str, truth: Truth, text: str) -> Score:
    code, formulas = held(text)
    wanted = [block for block, _ in truth.code]
    pairs = matched(wanted, [block.strip("\n") for block, _ in code])
    named = [(truth.code[i][1], code[j][1]) for i, j in pairs if truth.code[i][1]]
    tex = [" ".join(formula.split()) for formula in truth.formulas]
    exact = matched(tex, [" ".join(formula.split()) for formula in formulas])
    found, shown = {i for i, _ in pairs}, {i for i, _ in exact}
    missing = [f"code: {block!r:.300}" for i, block in enumerate(wanted) if i not in found]
    missing += [f"formula: {formula!r:.300}" for i, formula in enumerate(tex) if i not in shown]
    right = sum(same_language(told, ours) for told, ours in named)
    return Score(name, len(wanted), len(pairs), len(code), len(named), right, len(tex), len(exact), missing)


def same_language(told: str, ours: str) -> bool:
    from ingest.layout.code import _normal

    normal = _normal(told) or ""
    return ours == normal or (ours == "pycon" and normal == "python")


def half(name: str) -> int:
    """0 for the pages that the parser was developed on, 1 for those held out."""
    return int(md5(name.encode()).hexdigest(), 16) % 2


def pages(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    sources = folder / "_sources"
    for source in sorted(sources.rglob("*.txt")):
        name = source.relative_to(sources).as_posix().removesuffix(".txt").removesuffix(".rst")
        html = folder / f"{name}.html"
        if html.exists():
            yield name, source, html


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a manual made by Sphinx, with _sources")
    parser.add_argument("--default-role", help="role of text in single backquotes in this manual (SymPy: math)")
    parser.add_argument("--missing", type=int, default=0, help="show so many blocks of the first half that differ")
    parser.add_argument("--page", help="this page alone")
    options = parser.parse_args()
    try:
        import docutils  # noqa: F401
    except ImportError:
        sys.exit("this benchmark needs docutils: pip install docutils")
    config = IngestWeb(layout="rich")
    plain = IngestWeb()
    scores: list[Score] = []
    underived: Counter[str] = Counter()
    seconds, plain_seconds, size = 0.0, 0.0, 0
    for name, source, html in pages(options.folder):
        if options.page and name != options.page:
            continue
        truth = truth_of(source.read_text("utf-8"), options.default_role)
        body = html.read_bytes()
        start = time.process_time()
        found = read_page(body, "text/html", config)
        seconds += time.process_time() - start
        start = time.process_time()
        read_page(body, "text/html", plain)
        plain_seconds += time.process_time() - start
        size += len(body)
        underived.update(truth.underived)
        scores.append(score(name, truth, found.text if isinstance(found, Page) else ""))
    if not scores:
        sys.exit(f"{options.folder}: no page with its source under _sources")
    print(f"{len(scores)} pages, {statistics.mean([size / len(scores) / 1024]):.0f} KiB on average")
    print(f"  layout=rich {len(scores) / seconds:.1f} pages/s, layout=plain {len(scores) / plain_seconds:.1f} pages/s")
    for label, parts in (("pages used in development", (0,)), ("held-out pages", (1,)), ("all", (0, 1))):
        chosen = [row for row in scores if half(row.page) in parts]
        if not chosen:
            continue
        total = Score("", *(sum(row[at] for row in chosen) for at in range(1, 8)), [])  # type: ignore[arg-type]
        line = f"{label} ({len(chosen)}): code {total.code_exact}/{total.code}"
        line += f" = {100 * total.code_exact / max(total.code, 1):.2f} %"
        line += f" (not in the sources: {total.ours - total.code_exact})"
        line += f"; language {total.languages_right}/{total.languages}"
        line += f"; formulas {total.formulas_exact}/{total.formulas} = {100 * total.formulas_exact / max(total.formulas, 1):.2f} %"
        print(line)
    print("not derivable, by directive: " + ", ".join(f"{name} {count}" for name, count in underived.most_common(20)))
    shown = 0
    for row in scores:
        if half(row.page) == 0 or options.page:
            for item in row.missing:
                if shown < options.missing:
                    print(f"{row.page}: {item}")
                    shown += 1


if __name__ == "__main__":
    main()
