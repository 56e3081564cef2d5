"""The page in a real Chromium: by keyboard, on a telephone, in the dark, on paper, and whether its colours can be read."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Tab, browse

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Failure, Outcome, Stage
from pipelines.report import write_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium)")
ARABIC = "مرحبا بالعالم، هذا نص للتجربة"


class Settings(StageConfig):
    rows: int = Field(200, description="rows that are made")
    note: str = Field("a-name-without-any-place-to-break-it-" * 6, description="any text")
    max_error_rate: float = Field(0.9, description="errors are allowed")


def make(split: str, config: Settings) -> Iterator[Document | Failure]:
    for row in range(config.rows):
        text = f"{ARABIC} {row}" if row % 3 == 0 else f"words of row {row} " * (row % 50 + 1)
        yield Document(
            f"id-{row}", text, f"source-{row % 4}-" + "x" * 70, language="ar" if row % 3 == 0 else "en", quality_score=row / config.rows,
            quality_bucket=row % 5, epochs=1.0,
        )  # fmt: skip
    yield Failure("bad", Outcome("unreadable", "errored", detail="a reason" * 30))


def keep(document: Document, config: Settings) -> Document | Outcome:
    row = int(document.id[3:])
    if row % 5 == 1:
        return Outcome("low/" + "deep/" * 20, score=document.quality_score or 0.0, threshold=0.5)
    if row % 5 == 2:
        return Outcome("near", "merged", score=0.9, threshold=0.8, into_id=f"id-{row - 2}")
    return document


MAKE = Stage(name="make", version=1, help="x", config=Settings, writes="Document", engine="datatrove", core=make, reads={}, splits=lambda config: ["one"])  # fmt: skip
KEEP = Stage(name="keep", version=1, help="x", config=Settings, writes="Document", engine="datatrove", core=keep, reads={"input": "Document"}, each=True)  # fmt: skip

# Every text that is shown, with the contrast of its colour to what lies behind it (WCAG 2, relative luminance).
CONTRAST = """(() => {
  const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => { for (let e = one; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return rgba('white'); };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const found = {};
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || !one.checkVisibility()) continue;
    const style = getComputedStyle(one), svg = one instanceof SVGElement;
    let faint = 1; for (let e = one; e; e = e.parentElement) faint *= Number(getComputedStyle(e).opacity);
    const back = behind(one), ink = rgba(svg ? style.fill : style.color).map((v, at) => v * faint + back[at] * (1 - faint));
    const key = `${one.tagName}.${one.getAttribute('class') ?? ''}`, value = ratio(ink, back);
    found[key] = Math.min(found[key] ?? 99, value);
  }
  const bars = {};
  for (const one of document.querySelectorAll('rect.kept, rect.merged, rect.dropped, rect.errored, rect.column, .before')) {
    const style = getComputedStyle(one), paint = style.fill === 'none' ? style.stroke : style.fill;
    bars[one.getAttribute('class')] = ratio(rgba(paint), behind(one.closest('article, .scroll, figure, body')));
  }
  return [found, bars];
})()"""


async def look(tab: Tab) -> dict[str, Any]:
    """All that the tests ask of the page, in one visit."""
    told: dict[str, Any] = {}

    async def focused() -> Any:
        return await tab.run(
            "(() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();"
            " return {tag: e.tagName, text: e.textContent.slice(0, 40), label: e.getAttribute('aria-label'), outline: s.outlineStyle + s.outlineWidth,"
            " place: [...document.querySelectorAll('*')].indexOf(e), seen: b.left >= 0 && b.width > 0}; })()"
        )

    told["keys"] = []
    while len(told["keys"]) < 60:
        await tab.key("Tab")
        one = await focused()
        if one["tag"] == "BODY":  # past the last
            break
        told["keys"].append(one)
        if one["tag"] == "SUMMARY" and "opened" not in told:
            await tab.key("Enter")
            told["opened"] = await tab.run("document.activeElement.parentElement.open")
    await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for theme in ("light", "dark"):
        await tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        told[theme] = await tab.run(CONTRAST)
        told[f"{theme} paper"] = await tab.run("getComputedStyle(document.documentElement).backgroundColor")
    for width in (320, 390, 800):
        await tab.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True)
        told[f"wide {width}"] = await tab.run("document.documentElement.scrollWidth")
    await tab.call("Emulation.clearDeviceMetricsOverride")
    told["structure"] = await tab.run(
        "({lang: document.documentElement.lang, mains: document.querySelectorAll('main').length,"
        " headings: [...document.querySelectorAll('h1, h2, h3, h4, h5')].filter((one) => !one.closest('.nothing')).map((one) => Number(one.tagName[1])),"
        " captions: [...document.querySelectorAll('table')].every((one) => one.caption?.textContent),"
        " scopes: [...document.querySelectorAll('th')].every((one) => one.scope && one.textContent.trim()),"
        " svg: [...document.querySelectorAll('svg')].every((one) => one.getAttribute('role') === 'img' && one.getAttribute('aria-label')),"
        " ids: [...document.querySelectorAll('[id]')].length - new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size,"
        " links: [...document.links].every((one) => document.getElementById(one.getAttribute('href').slice(1))),"
        " arabic: [...document.querySelectorAll('.text')].filter((one) => /^[\\u0600-\\u06ff]/.test(one.textContent)).map((one) => getComputedStyle(one).direction)})"
    )
    await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
    await tab.call(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    told["print"] = await tab.run(
        "({paper: getComputedStyle(document.documentElement).backgroundColor, ink: getComputedStyle(document.body).color,"
        " open: [...document.querySelectorAll('details > :not(summary)')].every((one) => one.getBoundingClientRect().height > 0),"
        " nav: getComputedStyle(document.querySelector('nav')).display, heads: getComputedStyle(document.querySelector('thead')).display,"
        " cut: [...document.querySelectorAll('.scroll, .text')].filter((one) => getComputedStyle(one).overflowX === 'auto').length})"
    )
    told["pdf"] = (await tab.call("Page.printToPDF"))["data"]
    return told


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("page")
    for day, rows in (("1", 200), ("2", 320)):
        execute(MAKE, Settings(rows=rows), {}, f"{root}/{day}/made")
        execute(KEEP, Settings(), {"input": [f"{root}/{day}/made"]}, f"{root}/{day}/kept")
    page = Path(write_report(f"{root}/2", None, since="previous"))
    return dict(browse(page, root / "browser", look))


def test_keys_reach_everything_in_order_and_one_sees_where_one_is(seen: dict[str, Any]) -> None:
    keys = seen["keys"]
    assert keys[0]["text"] == "Skip to the content" and keys[0]["seen"]
    places = [one["place"] for one in keys]
    assert places == sorted(places) and len(set(places)) == len(places)
    assert all(one["outline"].startswith("solid") and one["outline"] != "solid0px" for one in keys)
    assert {"A", "SUMMARY"} <= {one["tag"] for one in keys}
    assert seen["opened"] is True


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(seen: dict[str, Any], theme: str) -> None:
    texts, bars = seen[theme]
    assert len(texts) > 30
    assert {key: round(value, 2) for key, value in texts.items() if value < 4.5} == {}
    assert {"kept", "merged", "dropped", "errored", "column", "before"} <= bars.keys()
    assert {key: round(value, 2) for key, value in bars.items() if value < 3} == {}


def test_the_dark_is_dark(seen: dict[str, Any]) -> None:
    assert seen["light paper"] == "rgb(250, 249, 246)"
    assert seen["dark paper"] == "rgb(19, 23, 22)"


@pytest.mark.parametrize("width", [320, 390, 800])
def test_nothing_is_wider_than_the_screen(seen: dict[str, Any], width: int) -> None:
    assert seen[f"wide {width}"] <= width


def test_a_screen_reader_finds_its_way(seen: dict[str, Any]) -> None:
    told = seen["structure"]
    assert told["lang"] == "en" and told["mains"] == 1
    assert told["headings"][0] == 1 and told["headings"].count(1) == 1
    assert all(after - before <= 1 for before, after in zip(told["headings"], told["headings"][1:], strict=False))
    assert told["captions"] and told["scopes"] and told["svg"] and told["links"]
    assert told["ids"] == 0
    assert told["arabic"] and set(told["arabic"]) == {"rtl"}


def test_on_paper_everything_is_open_and_light(seen: dict[str, Any]) -> None:
    told = seen["print"]
    assert told["paper"] == "rgb(255, 255, 255)" and told["ink"] == "rgb(0, 0, 0)"
    assert told["open"] and told["nav"] == "none" and told["heads"] == "table-header-group" and told["cut"] == 0
    pdf = base64.b64decode(seen["pdf"])
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000
