"""Main text: what is kept and what is not, code, formulas, charsets, limits."""

from __future__ import annotations

from typing import Any

import pytest
from web_archives import PARAGRAPH, page

from arcmill.stage import Outcome
from ingest.charset import decode
from ingest.limits import measure
from ingest.page import Page, read_page
from ingest.web import IngestWeb


def text(html: str | bytes, extractor: Any = "fast", declared: str = "text/html") -> str:
    body = html.encode() if isinstance(html, str) else html
    found = read_page(body, declared, IngestWeb(extractor=extractor))
    assert isinstance(found, Page), found
    return found.text


BOTH = pytest.mark.parametrize("extractor", ["fast", "careful"])


# --- main text ------------------------------------------------------------------------------------------------------


@BOTH
def test_the_frame_of_a_page_is_left_out(extractor: Any) -> None:
    links = "".join(f'<li><a href="/{n}">Section number {n}</a></li>' for n in range(12))
    html = (
        f"<html><body><nav><ul>{links}</ul></nav><main><h1>The flood</h1><p>{PARAGRAPH}</p><p>It was over by noon.</p>"
        f"<p>{PARAGRAPH.replace('mayor', 'baker')}</p></main>"
        f'<div class="related"><h2>More stories</h2><ul>{links}</ul></div>'
        "<footer>Copyright 2024 Example Media. All rights reserved.</footer></body></html>"
    )
    found = text(html, extractor)
    assert PARAGRAPH in found
    assert "It was over by noon." in found
    assert "baker" in found
    for frame in ("Section number", "More stories", "All rights reserved"):
        assert frame not in found


def test_paragraphs_lists_and_headings_are_laid_out() -> None:
    html = page(
        f"<h2>First</h2><p>{PARAGRAPH}</p><ol><li>wash</li><li>cut</li></ol><ul><li>oil</li></ul><p>{PARAGRAPH}x.</p>"
    )
    assert text(html) == f"First\n\n{PARAGRAPH}\n\n1. wash\n2. cut\n- oil\n\n{PARAGRAPH}x."


def test_a_request_for_consent_before_the_text_is_left_out() -> None:
    notice = (
        "This website uses cookies. By continuing to browse this site you agree to our use of cookies, see our policy."
    )
    assert text(page(f"<div>{notice}</div><p>{PARAGRAPH}</p>")) == PARAGRAPH
    about = f"A server may set cookies. {PARAGRAPH} A browser may accept cookies or not."
    assert about in text(page(f"<p>{PARAGRAPH}</p><p>{about}</p><p>{PARAGRAPH}</p>"))


def test_short_pages_are_kept_whole() -> None:
    assert text(page("<p>Closed on Monday</p>")) == "Closed on Monday"


def test_control_characters_do_not_reach_the_text() -> None:
    found = text(page(f"<p>a\x00b\x08c&#7;d {PARAGRAPH}</p>"))
    assert all(ord(c) >= 32 for c in found)
    assert PARAGRAPH in found


@pytest.mark.parametrize(
    "html",
    ["<p>unclosed <b>bold <i>both</b> only</i> text", "<table><p>foster</p><tr><td>cell</table>", 
     "</div></p>plain text",
     "<!-- unclosed comment <p>gone", "<p title=\"unclosed>text", "<a href=x><div><a href=y>z", "<svg><p>x</svg>",
     "<select><p>x<table>", "<frameset><frame>", "<plaintext>rest", "<math><mi>x<p>y", 
     "<p>\ud7ff\ue000", "&#xD800;&#0;",
     "<template><td>x", "<pre><pre>x</pre>", "<pre", "<script>never closed", "<title>never closed", "<![CDATA[x]]>"],
)  # fmt: skip
@BOTH
def test_broken_markup_gives_text_or_a_rule_never_an_exception(html: str, extractor: Any) -> None:
    found = read_page(html.encode(), "text/html", IngestWeb(extractor=extractor))
    assert isinstance(found, Page) or found.rule == "no-main-text"


# --- code and formulas ----------------------------------------------------------------------------------------------

CODE = "def f(x):\n    if x < 2:\n\n        return x & 1\n\treturn '<b>'"


@BOTH
@pytest.mark.parametrize(
    "markup",
    [
        "<pre>{}</pre>", "<pre><code class=python>{}</code></pre>", "<PRE\nclass='x'>{}</PRE>",
        "<div class=sidebar><pre>{}</pre></div>", "<ul><li>See<pre>{}</pre></li></ul>",
        "<table><tr><td>1</td><td><pre>{}</pre></td></tr></table>", "<aside><p>Note</p><pre>{}</pre></aside>",
    ],
)  # fmt: skip
def test_code_keeps_its_lines_and_indentation(markup: str, extractor: Any) -> None:
    escaped = CODE.replace("&", "&amp;").replace("<", "&lt;")
    found = text(page(f"<p>{PARAGRAPH}</p>{markup.format(escaped)}<p>{PARAGRAPH[::-1]}</p>"), extractor)
    if extractor == "careful" and markup.startswith(("<div", "<aside", "<ul", "<table")):
        assert PARAGRAPH in found  # trafilatura may leave such places out, but what it keeps is whole
        assert CODE in found or "def f" not in found
    else:
        assert CODE in found


def test_code_in_spans_and_line_breaks() -> None:
    spans = (
        "<span class=k>def</span> <span>f</span>():<br>    <span>a</span> <b>→</b> b<br/><div>  x</div><div>  y</div>"
    )
    assert "def f():\n    a → b\n  x\n  y" in text(page(f"<p>{PARAGRAPH}</p><pre>{spans}</pre><p>{PARAGRAPH}</p>"))
    stacked = "<pre><code>one</code><code>  two</code></pre>"
    assert "one\n  two" in text(page(f"<p>{PARAGRAPH}</p>{stacked}<p>{PARAGRAPH}</p>"))


def test_a_page_that_speaks_of_placeholders_is_not_mangled() -> None:
    html = page(f"<p>arcmillcode0q {PARAGRAPH}</p><pre>x\n  y</pre><p>{PARAGRAPH}</p>")
    found = text(html)
    assert "arcmillcode0q" in found
    assert "x\n  y" in found


NOTE = '<annotation encoding="application/x-tex">'


@BOTH
@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        (f"<math><semantics><mi>a</mi>{NOTE}a^2 &lt; b</annotation></semantics></math>", "$a^2 < b$"),
        ('<math display="block" alttext="{\\displaystyle \\int f}"><mi>f</mi></math>', "$$\\int f$$"),
        ('<script type="math/tex">\\frac{1}{2} < 1</script>', "$\\frac{1}{2} < 1$"),
        ('<script type="math/tex; mode=display">x_1</script>', "$$x_1$$"),
        ('<img class="latex" src="x.png" alt="$E = mc^2$">', "$E = mc^2$"),
        ('<span class="math">\\(x + y\\)</span>', "\\(x + y\\)"),
    ],
)  # fmt: skip
def test_formulas_are_kept_as_latex(markup: str, kept: str, extractor: Any) -> None:
    assert kept in text(page(f"<p>{PARAGRAPH} So {markup} holds.</p><p>{PARAGRAPH[:150]}</p>"), extractor)


# --- charsets -------------------------------------------------------------------------------------------------------

SAMPLES = {
    "utf-8": "Zürich – naïve façade, 東京 и Москва",
    "windows-1252": "Die Straße führt über die Brücke – „schön“, sagte er, für 5 €.",
    "gb18030": "今天天气很好，我们一起去公园散步，然后回家吃饭。孩子们都很高兴。" * 3,
    "shift_jis": "今日は天気がよいので、公園まで散歩に行きました。とても楽しかったです。" * 3,
    "euc-kr": "오늘은 날씨가 좋아서 공원까지 산책을 갔습니다. 아이들이 매우 기뻐했습니다." * 3,
    "koi8-r": "Сегодня хорошая погода, и мы пошли гулять в парк. Дети были очень рады этому." * 3,
    "windows-1251": "Сегодня хорошая погода, и мы пошли гулять в парк. Дети были очень рады этому." * 3,
    "euc-jp": "今日は天気がよいので、公園まで散歩に行きました。とても楽しかったです。" * 3,
    "big5": "今天天氣很好，我們一起去公園散步，然後回家吃飯。孩子們都很高興。" * 3,
    "iso-2022-jp": "今日は天気がよいので、公園まで散歩に行きました。",
    "windows-1256": "ذهبنا اليوم إلى الحديقة لأن الطقس كان جميلا وكان الأطفال سعداء جدا بذلك" * 3,
}
SINGLE = ("windows-1252", "koi8-r", "windows-1251", "windows-1256")


def encoded(name: str, head: str = "") -> bytes:
    return page(f"<p>{SAMPLES[name]}</p>", head=head).encode(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_label_in_the_header_or_the_page_is_read(name: str) -> None:
    assert SAMPLES[name] in decode(encoded(name), f"text/html; charset={name}")[0]
    assert SAMPLES[name] in decode(encoded(name, f'<meta charset="{name}">'))[0]
    meta = f"<META http-equiv=Content-Type content='text/html;charset={name}'>"
    assert SAMPLES[name] in decode(encoded(name, meta))[0]


@pytest.mark.parametrize("name", [n for n in SAMPLES if n not in ("iso-2022-jp", "windows-1256")])
def test_without_a_label_the_charset_is_detected(name: str) -> None:
    assert SAMPLES[name] in decode(encoded(name))[0]


@pytest.mark.parametrize("name", [n for n in SAMPLES if n not in ("iso-2022-jp", "windows-1256")])
@pytest.mark.parametrize("wrong", ["utf-8", "iso-8859-1", "no-such-charset", "utf-16", "base64"])
def test_a_wrong_label_does_not_spoil_the_text(name: str, wrong: str) -> None:
    assert SAMPLES[name] in decode(encoded(name), f"text/html; charset={wrong}")[0]


def test_the_page_outweighs_the_default_of_its_server() -> None:
    data = encoded("koi8-r", '<meta charset="koi8-r">')
    assert SAMPLES["koi8-r"] in decode(data, "text/html; charset=ISO-8859-1")[0]


def test_byte_order_marks_and_wide_charsets() -> None:
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"", "utf-16-le"),
    ):
        found, used = decode(mark + page("<p>Zürich</p>").encode(name), "text/html; charset=iso-8859-1")
        assert found == page("<p>Zürich</p>")
        assert used == name


def test_few_bad_bytes_do_not_change_the_charset() -> None:
    data = page(f"<p>{SAMPLES['gb18030'] * 20}</p>").encode() + b"\xff\xfe"
    found, used = decode(data, "text/html; charset=utf-8")
    assert used == "utf-8"
    assert SAMPLES["gb18030"] in found


def test_bytes_that_are_no_text_are_undecodable() -> None:
    noise = b"<html>" + bytes(range(1, 256)) * 50 + b"\0" * 4000
    found = read_page(noise, "text/html", IngestWeb())
    assert isinstance(found, Outcome)
    assert (found.outcome, found.rule) == ("errored", "undecodable")


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "depth", "elements"),
    [
        ("<html><body><div><p>a<p>b</div></body></html>", 4, 5),
        ("<html><body><ul><li>a<li>b<li>c</ul></body></html>", 4, 6),
        ("<html><body><p><b>x<p>y</body></html>", 4, 6),  # <b> is opened again in the second paragraph
        ("<html><body><br><img src='a>b'><hr></body></html>", 2, 5),
        ("<html><body><script>'<div><div>'</script><!-- <div> --></body></html>", 2, 3),
        ("<html><body><table><tbody><tr><td><b>x<td>y</table></body></html>", 7, 8),
        ("<html><body><h1>a<h2>b</body></html>", 3, 4),
    ],
)
def test_the_shape_of_a_page_is_told_from_its_bytes(html: str, depth: int, elements: int) -> None:
    shape = measure(html.encode(), 512, 1024, 10_000)
    assert (shape.depth, shape.elements) == (depth, elements)


def test_attributes_are_counted_as_a_browser_does() -> None:
    assert measure(b"<a b c=d e='f g' h=\"i>j\" k=>x", 512, 1024, 1000).attributes == 5
