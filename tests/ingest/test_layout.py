"""The layout parser: code byte by byte, tables, formulas wherever a page keeps them, and the frame left out."""

from __future__ import annotations

from typing import Any

import pytest
from resiliparse.parse.html import HTMLTree
from web_archives import PARAGRAPH, page

from arcmill.records import Document
from arcmill.stage import Outcome
from ingest.clutter import without_clutter
from ingest.layout.mathml import to_latex
from ingest.layout.page import asks_for_layout, layout_text
from ingest.page import Page, read_page
from ingest.reparse import ReparseWeb, core
from ingest.web import IngestWeb


def text(body: str) -> str:
    return layout_text(f"<html><body>{body}</body></html>".encode())[0]


# --- code -----------------------------------------------------------------------------------------------------------


def test_code_keeps_every_space_and_tab_and_its_language() -> None:
    code = "def f(a):\n\tif a &lt; 1:\n\n        return  'é &amp; `x`'  "
    html = f'<div class="highlight-python3"><div class="highlight"><pre><span></span>{code}\n</pre></div></div>'
    assert text(html) == "```python\ndef f(a):\n\tif a < 1:\n\n        return  'é & `x`'  \n```"


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ('<pre><code class="language-js">a</code></pre>', "javascript"),
        ('<pre class="brush: cpp; gutter: true">a</pre>', "cpp"),
        ('<pre class="sourceCode haskell"><code>a</code></pre>', "haskell"),
        ('<div class="highlight highlight-source-rust"><pre>a</pre></div>', "rust"),
        ('<pre data-lang="Go">a</pre>', "go"),
        ('<pre class="hljs c++">a</pre>', "cpp"),
        ('<div class="highlight-default"><pre>&gt;&gt;&gt; a</pre></div>', "pycon"),
        ('<div class="highlight-none"><pre>a</pre></div>', ""),
        ('<pre class="c">a</pre>', ""),
        ('<pre class="language-a`b">a</pre>', ""),
    ],
)
def test_languages(html: str, language: str) -> None:
    assert text(html).split("\n")[0] == f"```{language}"


def test_a_fence_is_longer_than_any_run_inside() -> None:
    assert text("<pre>```\nx\n````</pre>") == "`````\n```\nx\n````\n`````"


def test_breaks_and_blocks_end_lines_and_line_numbers_are_left_out() -> None:
    assert text("<pre>a<br>b<div>c</div><div>d</div>e</pre>") == "```\na\nb\nc\nd\ne\n```"
    table = (
        '<table class="highlighttable"><tr><td class="linenos"><pre>1\n2</pre></td><td class="code"><pre>a\n  b</pre></td>'
        "</tr></table>"
    )
    assert text(table) == "```\na\n  b\n```"
    assert text('<pre><span class="linenos">1</span>a\n<span class="linenos">2</span>b</pre>') == "```\na\nb\n```"
    assert text("<pre><code>a</code><code>  b</code></pre>") == "```\na\n  b\n```"


def test_code_in_a_list_a_quote_or_a_frame_is_not_lost() -> None:
    html = f"<ul><li>one<pre>  a</pre>two</li></ul><aside class=sidebar><pre>b\n c</pre></aside><p>{PARAGRAPH}</p>"
    found = text(html)
    assert "- one\n\n```\n  a\n```\n\ntwo" in found
    assert "```\nb\n c\n```" in found


def test_code_spans() -> None:
    assert text("<p>Call <code>f( x )</code> or <tt>a`b</tt>.</p>") == "Call `f( x )` or ``a`b``."


def test_listings_without_pre() -> None:
    lines = "".join(f'<div class="line"><code>&nbsp;&nbsp;{c}</code></div>' for c in "ab")
    html = f'<div class="syntaxhighlighter python"><table><tr><td class="gutter">1</td><td class="code">{lines}</td></tr></table></div>'
    assert text(html) == "```python\n  a\n  b\n```"


# --- formulas -------------------------------------------------------------------------------------------------------

NOTE = '<semantics><mi>x</mi><annotation encoding="application/x-tex">x_1</annotation></semantics>'


@pytest.mark.parametrize(
    ("html", "latex"),
    [
        (f"<math>{NOTE}</math>", "$x_1$"),
        (f'<math display="block">{NOTE}</math>', "$$x_1$$"),
        ('<math alttext="{\\displaystyle a^2}"><mi>a</mi></math>', "$a^2$"),
        ('<span class="MathJax_Preview">x1</span><script type="math/tex">x_1</script>', "$x_1$"),
        ('<script type="math/tex; mode=display">x_1</script>', "$$x_1$$"),
        (f'<mjx-container display="true"><svg></svg><math>{NOTE}</math></mjx-container>', "$$x_1$$"),
        (f'<span class="katex"><span class="katex-mathml"><math>{NOTE}</math></span><span class="katex-html">x1</span></span>', "$x_1$"),
        ('<span class="math inline">\\(x_1\\)</span>', "$x_1$"),
        ('<div class="math">\\[x_1\\]</div>', "$$x_1$$"),
        ('<img class="math" src="a.png" alt="x">', "$x$"),
        ('<div class="math"><p><img src="a.png" alt="x_1\n\n+ y"></p></div>', "$$x_1\n+ y$$"),
        ('<img src="https://latex.codecogs.com/gif.latex?x_1&plus;y" alt="x_1+y">', "$x_1+y$"),
        ('<img class="math" alt="a \\text{if $b$}">', "\\(a \\text{if $b$}\\)"),
        ('<img class="photo" src="a.png" alt="x_1">', ""),
        # As MathJax 2 leaves a page in the browser: rendered, with MathML beside it, and the script behind.
        (
            '<span class="MathJax_Preview"></span><span class="mjx-chtml MJXc-display"><span class="mjx-chtml MathJax_CHTML" data-mathml="&lt;math&gt;'
            '&lt;mi&gt;x&lt;/mi&gt;&lt;/math&gt;"><span class="mjx-math" aria-hidden="true"><span class="mjx-char">x</span></span><span class="MJX_Assistive_MathML">'
            '<math><mi>x</mi></math></span></span></span><script type="math/tex; mode=display">x_1</script>',
            "$$x_1$$",
        ),
        ('<span class="MathJax" data-mathml="&lt;math&gt;&lt;mi&gt;x&lt;/mi&gt;&lt;/math&gt;"><nobr>x</nobr></span>', "$x$"),
        # mathjax-node
        ('<span class="mjx-chtml"><span class="mjx-math" aria-label="x_1 &lt; y"><span class="mjx-char">x</span></span></span>', "$x_1 < y$"),
        ('<span class="mjx-chtml MJXc-display"><span class="mjx-math" aria-label="x_1"><span>x</span></span></span>', "$$x_1$$"),
        ('<svg aria-labelledby="MathJax-SVG-1-Title"><title id="MathJax-SVG-1-Title">x_1</title><path d="M1 2"/></svg>', "$x_1$"),
        ('<svg><title>a photo</title><text>x</text></svg>', ""),
        # MathJax 4
        ('<mjx-container jax="CHTML" display="true"><mjx-math data-latex="x_1 &lt; y"><mjx-mi data-latex="x">𝑥</mjx-mi></mjx-math></mjx-container>', "$$x_1 < y$$"),
        ('<mjx-container jax="SVG"><svg><g><g data-mml-node="math" data-latex="x_1"><g data-mml-node="mi" data-latex="x"></g></g></g></svg></mjx-container>', "$x_1$"),
        ('<math data-latex="x_1"><msub data-latex="x_1"><mi>x</mi><mn>1</mn></msub></math>', "$x_1$"),
        # docutils, markdown-it, arithmatex, GitHub
        ('<div class="math">\n\\begin{equation*}\nx_1\n\\end{equation*}\n</div>', "$$x_1$$"),
        ('<div class="math">\n\\begin{align*}\na &amp;= b\\\\\n\\end{align*}\n</div>', "$$\\begin{align*}\na &= b\\\\\n\\end{align*}$$"),
        ('<tt class="math">x_1</tt>', "$x_1$"),
        ('<pre class="math">\nx_1\n</pre>', "$$x_1$$"),
        ('<div class="math block">\nx_1\n</div>', "$$x_1$$"),
        ('<span class="arithmatex"><span class="MathJax_Preview">x_1 &lt; y</span><script type="math/tex">x_1 &lt; y</script></span>', "$x_1 < y$"),
        ('<math-renderer class="js-inline-math">$x_1$</math-renderer>', "$x_1$"),
    ],
)  # fmt: skip
def test_formulas_come_as_latex_and_once(html: str, latex: str) -> None:
    assert text(f"<p>Let</p><div>{html}</div><p>be.</p>") == (
        "\n\n".join(["Let", latex, "be."]) if latex else "Let\n\nbe."
    )


@pytest.mark.parametrize(
    ("mathml", "latex"),
    [
        ("<mfrac><mn>1</mn><msqrt><mi>α</mi></msqrt></mfrac>", r"\frac{1}{\sqrt{\alpha}}"),
        ("<msubsup><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>0</mn></mrow><mi>n</mi></msubsup>", r"\sum_{i=0}^n"),
        ("<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover><mi>x</mi>", r"\sum_i^n x"),
        ("<mi>α</mi><mi>x</mi>", r"\alpha x"),
        ("<mover><mi>x</mi><mo>^</mo></mover>", r"\hat{x}"),
        ("<mi>sin</mi><mo>\u2061</mo><mi>x</mi>", r"\sin x"),
        ("<msup><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></msup>", r"{a+b}^2"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
        ("<mi mathvariant='double-struck'>R</mi>", r"\mathbb{R}"),
        (
            "<mrow><mo>(</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable><mo>)</mo></mrow>",
            r"\begin{pmatrix}1 & 0\end{pmatrix}",
        ),
        ("<mtext>if </mtext><mi>x</mi>", r"\text{if}x"),
        ("<mn>3</mn><mtext>&nbsp;of a_b</mtext><mi>x</mi>", r"3\text{ of a\_b}x"),
        ("<menclose notation='box'><mn>7</mn></menclose>", r"\boxed{7}"),
        ("<menclose notation='updiagonalstrike'><mi>x</mi></menclose>", r"\cancel{x}"),
        (
            "<menclose notation='top'><mi>x</mi></menclose><menclose notation='left'><mi>y</mi></menclose>",
            r"\overline{x}y",
        ),
        ("<mrow><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>)</mo></mrow>", r"\left(\frac{a}{b}\right)"),
        (
            "<mrow><mo>(</mo><mi>a</mi><mo>)</mo><mo>+</mo><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>)</mo></mrow>",
            r"(a)+(\frac{a}{b})",
        ),
        ("<mrow><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>.</mo></mrow>", r"(\frac{a}{b}."),
        (
            "<mi>A</mi><mo>=</mo><mo>[</mo><mtable><mtr><mtd><mn>1</mn></mtd></mtr></mtable><mo>]</mo><mi>x</mi>",
            r"A=\begin{bmatrix}1\end{bmatrix}x",
        ),
        ("<mo>{</mo><mtable><mtr><mtd><mn>1</mn></mtd></mtr></mtable>", r"\begin{cases}1\end{cases}"),
        ("<mi>𝐍</mi><mi>𝑎</mi><mi>𝛚</mi><mi>ℝ</mi>", r"\mathbf{N}a\boldsymbol{\omega}\mathbb{R}"),
        ("<msup><mi>cos</mi><mn>2</mn></msup><mn>10</mn>", r"\cos^2 10"),
        (
            "<mn>3</mn><mspace width='1em'/><mo>(</mo><mi>mod</mi><mspace width='0.333em'/><mn>5</mn><mo>)</mo>",
            r"3\pmod{5}",
        ),
        ("<mi>Exp</mi><mo>\u2061</mo><mo>(</mo><mi>a</mi><mo>)</mo>", r"\operatorname{Exp}(a)"),
        ("<munderover><mi>a</mi><mi>x</mi><mo>ˆ</mo></munderover>", r"\underset{x}{\hat{a}}"),
        ("<mi>a</mi><mi>~</mi><mi>b</mi><mi>\\unknown</mi><mi>c</mi>", r"a\sim b\unknown c"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", r"\left( a,b\right)"),
    ],
)
def test_mathml_without_annotation_is_converted(mathml: str, latex: str) -> None:
    tree = HTMLTree.parse(f"<math>{mathml}</math>")
    assert to_latex(tree.body.query_selector("math")) == latex


def test_a_formula_that_is_nearly_the_whole_page() -> None:
    assert layout_text(b"<math><mi>x</mi></math>")[0] == "$x$"
    assert text("<p>mathjax " + "\\(x " * 50_000) != ""


def test_deep_mathml_ends() -> None:
    tree = HTMLTree.parse("<math>" + "<mrow>" * 400 + "<mi>x</mi>" + "</mrow>" * 400 + "</math>")
    assert to_latex(tree.body.query_selector("math")) == "x"


def test_dollars_of_prose_are_told_from_formulas() -> None:
    assert text('<p>It costs $5, so <img class="math" alt="x=5"> and $6.</p>') == r"It costs \$5, so $x=5$ and \$6."
    assert text("<p>It costs $5 or $6.</p>") == "It costs $5 or $6."
    body = b"<html><head><script src=MathJax.js></script></head><body><p>Let \\(x\\) be.</p></body></html>"
    assert layout_text(body)[0] == "Let $x$ be."


# --- tables, headings, lists ----------------------------------------------------------------------------------------


def test_tables() -> None:
    html = (
        "<table><tr><th>a</th><th>b|c</th></tr><tr><td rowspan=2>1</td><td><code>x</code></td></tr><tr><td>2</td></tr>"
        "<tr><td colspan=2>all</td></tr></table>"
    )
    assert text(html) == "| a | b\\|c |\n| --- | --- |\n| 1 | `x` |\n|  | 2 |\n| all |  |"
    assert "|" not in text(f"<table><tr><td>menu</td><td><p>{PARAGRAPH}</p><pre>x</pre></td></tr></table>")
    assert text("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td colspan=99999999999>4</td></tr></table>")


def test_headings_lists_and_quotes() -> None:
    html = (
        "<main><h2>Two<a class=headerlink href=#>¶</a></h2><ol start=3><li>x<ul><li>y</li></ul></li><li>z</li></ol>"
        f"<blockquote><p>q</p></blockquote><p>{PARAGRAPH}</p></main>"
    )
    assert text(html) == f"## Two\n\n3. x\n  - y\n4. z\n\n> q\n\n{PARAGRAPH}"


def test_the_frame_is_left_out() -> None:
    html = f"<nav><a href=/>Home</a></nav><div role=main><p>{PARAGRAPH}</p></div><footer>All rights</footer>"
    assert text(html) == PARAGRAPH


# --- ingest-web, reparse-web ------------------------------------------------------------------------------------------


def test_layout_is_chosen_by_the_setting_and_by_the_page() -> None:
    with_code, without = page(f"<p>{PARAGRAPH}</p><pre>a\n b</pre>"), page(f"<p>{PARAGRAPH}</p>")
    found: dict[tuple[str, bool], Any] = {}
    for layout in ("plain", "rich", "auto"):
        for has_code, html in ((True, with_code), (False, without)):
            got = read_page(html.encode(), "text/html", IngestWeb(layout=layout))
            assert isinstance(got, Page)
            found[layout, has_code] = (got.extractor, "```" in got.text)
    assert found["plain", True] == ("fast", False)
    assert found["rich", True] == found["auto", True] == ("layout", True)
    assert found["rich", False] == ("layout", False)
    assert found["auto", False] == ("fast", False)
    assert asks_for_layout(b"<p><code>a</code> and <code>b</code>") and not asks_for_layout(b"<p><code>a</code>")
    assert all(
        map(asks_for_layout, (b"<mjx-container jax=SVG>", b'<span class="mjx-chtml">', b"<math-renderer>", b"<math>"))
    )


def test_reparse_replaces_the_text_and_keeps_what_has_no_page() -> None:
    document = Document("1", "flat", "web", html=page(f"<p>{PARAGRAPH}</p><pre>a\n  b</pre>"), metadata={"k": "v"})
    found = core(document, ReparseWeb())
    assert isinstance(found, Document)
    assert "```\na\n  b\n```" in found.text and found.html is None
    assert found.metadata == {"k": "v", "extractor": "layout"} and found.id == "1"
    bare = Document("2", "text", "web")
    assert core(bare, ReparseWeb()) is bare
    plain = core(Document("3", "flat", "web", html=page(f"<p>{PARAGRAPH}</p>")), ReparseWeb(layout="auto"))
    assert isinstance(plain, Document) and plain.text == "flat"
    deep = core(Document("4", "flat", "web", html="<div>" * 3000 + "x"), ReparseWeb())
    assert isinstance(deep, Outcome) and deep.rule == "nesting-too-deep"


# --- clutter --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "clutter",
    [
        '<p class="wp-caption-text">A bridge</p>', "<div id='newsletter'>Write <div>to</div> us</div>",
        "<div class=share-bar>Tell <!-- </div> --> all</div>", "<figcaption>A bridge</figcaption>",
    ],
)  # fmt: skip
def test_clutter_goes(clutter: str) -> None:
    assert without_clutter(f"<p>a</p>{clutter}<p>b</p>".encode()).split() == [b"<p>a</p>", b"<p>b</p>"]


@pytest.mark.parametrize(
    "kept",
    [
        f'<div class="share">{"long text " * 150}</div>', '<div class="share"><pre>x</pre></div>', '<p class="caption">open<p>b',
        '<div class="share">never closed', '<div title="share">x</div>', '<div class="fair">x</div>', "<div class=", "<div id",
        '<td class="caption">x</td>', '<div data-id="share">x</div>', "share", "<", '<div class="share',
    ],
)  # fmt: skip
def test_what_is_large_or_holds_code_or_is_not_named_stays(kept: str) -> None:
    assert without_clutter(kept.encode()) == kept.encode()


PROSE = "The ferry leaves at eight and comes back in the evening, if the wind allows. " * 4


@pytest.mark.parametrize("tag", ["td", "table", "pre", "img", "a", "code"])
def test_a_processing_instruction_is_no_element(tag: str) -> None:
    html = f"<html><body><article><p>{PROSE}<?{tag} class=x></p><p>{PROSE}</p></article></body></html>"
    found = read_page(html.encode(), "text/html", IngestWeb(layout="rich"), is_html=True)
    assert isinstance(found, Page) and found.text.count("ferry") == 8


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><?td class=x><td>a</td><td>b</td></tr></table>",
        "<math><semantics><mi>a</mi><?annotation encoding=tex></semantics></math>",
        "<pre><?td class=code>a</pre>",
        "<span class=mathjax>a</span><?script type=math/tex>a",
        "<!DOCTYPE pre><pre>a</pre>",
        "<?html class=x>a",
    ],
)
def test_marks_below_any_element_have_no_attributes_to_ask_for(html: str) -> None:
    assert "a" in layout_text(html.encode())[0]
