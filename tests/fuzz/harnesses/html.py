"""Pages: charset, limits, main text in each layout, by the fast extractor."""

from __future__ import annotations

from ..harness import Harness, told

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>Bees</title><link rel="canonical" href="/bees"></head><body>
<nav><a href="/">Home</a> <a href="/x">More</a></nav><article><h1>Bees</h1><p>A hive of the size of a shoe box holds as many bees as a
small town has people, and each of them knows her work.</p><pre><code class="language-python">def f(x):
    return x * 2</code></pre><table><tr><th>Month</th><th>Honey</th></tr><tr><td>May</td><td>3 kg</td></tr></table>
<p>The sum is <math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>, or <span class="katex">\\(x^2\\)</span>.</p><ul><li>One<li>Two</ul>
<script type="math/tex">\\frac{1}{2}</script></article><footer>Imprint</footer></body></html>"""


def seeds() -> list[bytes]:
    return [
        *(
            kind + PAGE.encode(charset)
            for kind, charset in ((b"0", "utf-8"), (b"1", "utf-8"), (b"2", "utf-16"), (b"2", "latin-1"))
        ),
        b"1<p>",  # no main text
    ]


def run(data: bytes) -> str:
    from ingest.page import Page, read_page
    from ingest.web import IngestWeb

    layout = ("plain", "rich", "auto")[data[0] % 3 if data else 0]
    found = read_page(data[1:], "text/html", IngestWeb(layout=layout, max_page_bytes=1 << 20), is_html=True)
    if isinstance(found, Page):
        found.text.encode("utf-8")
        return "page" if found.text else "empty"
    return told([found])


TOKENS = ("<p>", "</p>", "<div>", "<b>", "<table>", "<tr>", "<td>", "<math>", "<mfrac>", "<pre>", "<code>", "<template>", "<svg>", "<li>",
          "<!--", "-->", "<![CDATA[", "<a href=", "&#1114112;", "<frameset>", "<select>", "<plaintext>", "<?td class=x?>", "<!DOCTYPE math>",
          "<?annotation?>", "<span class=katex>")  # fmt: skip
HARNESS = Harness("html", seeds, run, tokens=TOKENS)
