"""A small crawl with good and bad in it, and held-out clean texts, out of public collections.

`pages(folder, scratch)` gives (url, HTML) of everything that the arms may read; `held_out(folder)` gives sets of texts that
no arm may read, in two halves: settings are chosen on `development`, and told of on the other. Both follow from names alone (a hash of a host, or of a page's path), so they were fixed before any
result. `folder` holds the archives that each function names; what is missing is left out, so that any part of them will do.

| in the crawl | kind |
|---|---|
| articles of 37 hosts, pages of 560 sites, 94 saved pages, 127 pages of an archive's crawl | pages as they were served |
| the manuals of Python, SymPy and PostgreSQL; one installation guide for two machines in five languages | many pages of one template, near-duplicates, other languages |
| 1,000 newswire stories with planted near-copies; leads of an encyclopedia in six languages | plain pages made of texts |
| 3,000 mails of the year 2002, a third of them spam; 19,199 headlines, half of them clickbait, 40 a page | the same |
| pages of this Python's packages (`ingest-environment`) | a page a module |

| held out | truth |
|---|---|
| `encyclopedia` | articles of wikitext-2 (validation), with its spaces before punctuation taken out |
| `news` | news stories for learners, the hardest of their three levels |
| `speeches` | addresses of presidents |
| `articles` | human transcripts of articles whose hosts are not in the crawl |
| `manuals` | reST sources of the pages of the Python and SymPy manuals that are not in the crawl |
"""

from __future__ import annotations

import email
import email.policy
import gzip
import hashlib
import html
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

LONGEST = 6000  # characters of a held-out document that are kept, up to a line's end
HELD_OUT_PAGES = 8  # one page in so many of a manual is held out
HEADLINES = 40  # on a page


def share(name: str, of: int) -> bool:
    """Whether a name falls into one of `of` equal shares."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % of == 0


def host(url: str) -> str:
    """The host without www."""
    return urlsplit(url).netloc.lower().removeprefix("www.")


def members(path: Path) -> dict[str, bytes]:
    """Files of a .tar.zst by name; none where there is no such archive."""
    if not path.exists():
        return {}
    packed = subprocess.run(["zstd", "-dqc", str(path)], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        found = {m.name.removeprefix("./"): archive.extractfile(m) for m in archive if m.isfile()}
        return {name: stream.read() for name, stream in sorted(found.items()) if stream is not None}


def lines(path: Path) -> list[str]:
    """Lines of a .zst; none where there is no such file."""
    if not path.exists():
        return []
    return subprocess.run(["zstd", "-dqc", str(path)], check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()


def page(title: str, paragraphs: list[str]) -> bytes:
    """A plain page of a text."""
    body = "\n".join(f"<p>{html.escape(text)}</p>" for text in paragraphs if text.strip())
    head = html.escape(title)
    return (
        f"<!DOCTYPE html><html><head><title>{head}</title></head><body><h1>{head}</h1>\n{body}\n</body></html>".encode()
    )


def pages(folder: Path, scratch: Path, environment: int = 600) -> Iterator[tuple[str, bytes]]:
    """Everything that the arms may read."""
    yield from articles(folder)
    yield from saved(folder)
    yield from archived(folder)
    yield from manuals(folder)
    yield from texts(folder)
    yield from mails(folder)
    yield from modules(scratch, environment)


def articles(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Articles of the hosts that are not held out."""
    found = members(folder / "01_html" / "scrapinghub_articles.tar.zst")
    for name, entry in json.loads(found.get("ground-truth.json", b"{}")).items():
        if not share(host(entry["url"]), 2):
            yield entry["url"], gzip.decompress(found[f"html/{name}.html.gz"])


def saved(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Pages of many sites, but those of held-out hosts."""
    barred = barred_hosts(folder)
    found = members(folder / "01_html" / "trafilatura_eval.tar.zst")
    for url, entry in json.loads(found.get("evaldata.json", b"{}")).items():
        if host(url) not in barred and f"html/{entry['file']}" in found:
            yield url, found[f"html/{entry['file']}"]
    for name, content in members(folder / "01_html" / "readability_pages.tar.zst").items():
        if name.endswith("/source.html"):
            yield f"https://saved.org/{name.rsplit('/', 2)[-2]}", content


def barred_hosts(folder: Path) -> set[str]:
    """Hosts whose articles are held out."""
    found = members(folder / "01_html" / "scrapinghub_articles.tar.zst")
    urls = [entry["url"] for entry in json.loads(found.get("ground-truth.json", b"{}")).values()]
    return {host(url) for url in urls if share(host(url), 2)}


def archived(folder: Path) -> Iterator[tuple[str, bytes]]:
    """HTML responses of real crawls."""
    from warcio.archiveiterator import ArchiveIterator

    for archive, name in (("warc_archive_org", "example.warc.gz"), ("warc_whirlwind", "whirlwind.warc.gz")):
        found = members(folder / "01_html" / f"{archive}.tar.zst")
        for record in ArchiveIterator(io.BytesIO(found.get(name, b""))):
            kind = record.http_headers.get_header("content-type") if record.http_headers else None
            if record.rec_type == "response" and kind and "html" in kind:
                yield record.rec_headers.get_header("WARC-Target-URI"), record.content_stream().read()


MANUALS = {
    "01_html/docs_python311.tar.zst": ("https://docs.python.org/3.11/", True),
    "01_html/docs_sympy_math.tar.zst": ("https://docs.sympy.org/latest/", True),
    "01_html/docs_postgresql15.tar.zst": ("https://www.postgresql.org/docs/15/", False),
    "02_neardup/debian_install_guide_amd64_arm64.tar.zst": ("https://www.debian.org/releases/bookworm/", False),
}


def manuals(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Pages of manuals, but those that are held out."""
    for archive, (root, with_sources) in MANUALS.items():
        found = members(folder / archive)
        for name, content in found.items():
            if name.endswith(".html") and not (with_sources and source_of(name, found) and share(name, HELD_OUT_PAGES)):
                yield root + name, content


def source_of(name: str, found: dict[str, bytes]) -> str | None:
    """The reST source of a page."""
    source = f"_sources/{name.removesuffix('.html')}.rst.txt"
    return source if source in found else None


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Newswire, leads of an encyclopedia, headlines: each as a plain page."""
    for name, content in members(folder / "02_neardup" / "newswire_1000.tar.zst").items():
        if name.endswith(".train"):
            for line in content.decode().splitlines():
                key, _, text = line.partition(" ")
                yield f"https://wire.net/{key}", page(f"Story {key}", [text])
    for name, content in members(folder / "03_multilingual" / "codex_wikipedia_extracts.tar.zst").items():
        if name.endswith("extracts.zip"):
            language = name.split("/")[-2]
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in sorted(archive.namelist()):
                    if entry.endswith(".txt"):
                        text = archive.read(entry).decode()
                        yield (
                            f"https://{language}.leads.org/{Path(entry).stem}",
                            page(Path(entry).stem, text.split("\n")),
                        )
    for name in ("clickbait_data.txt.zst", "non_clickbait_data.txt.zst"):
        headlines = [line for line in lines(folder / "04_quality" / name) if line.strip()]
        for start in range(0, len(headlines), HEADLINES):
            url = f"https://{name.split('_data')[0].replace('_', '-')}.com/{start // HEADLINES}"
            yield url, page(f"Page {start // HEADLINES}", headlines[start : start + HEADLINES])


def mails(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Mails as an archive of them on the web shows them: their HTML where they have it, else paragraphs."""
    for name, content in members(folder / "04_quality" / "spamassassin_mail.tar.zst").items():
        if not name.endswith(".txt"):
            continue
        mail = email.message_from_bytes(content, policy=email.policy.compat32)
        for part in mail.walk():
            if part.get_content_type() not in ("text/plain", "text/html"):
                continue
            body = part.get_payload(decode=True) or b""
            url = f"https://mails.net/{name.removesuffix('.txt')}"
            if part.get_content_type() == "text/html":
                yield url, body
            else:
                text = body.decode("utf-8", errors="replace")
                yield url, page(str(mail.get("subject", "")), re.split(r"\n\s*\n", text))
            break


def modules(scratch: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """Documentation of the packages of this Python."""
    from arcmill.dataset import Dataset

    made = scratch / "environment"
    command = [sys.executable, "-m", "pipelines.cli", "ingest-environment", "--output", str(made), "--set", "kinds=[docs]", "--quiet",
               "--set", "keep_html=true", "--set", f"max_documents={count}"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for batch in Dataset.open(str(made)).batches(["id", "html"]):
        for key, content in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
            if content:
                yield f"https://modules.dev/{re.sub('[^A-Za-z0-9_./-]+', '-', key)}", content.encode()


def held_out(folder: Path, development: bool = False) -> Iterator[tuple[str, str, str]]:
    """(set, id, text) of each held-out document of one half: that which a recipe may be mended by, or the other."""
    for name, key, text in _held_out(folder):
        if share(f"{name}/{key}", 2) != development:
            continue
        text = text.strip()
        if len(text) > LONGEST:
            text = text[: LONGEST + 1].rsplit("\n", 1)[0][:LONGEST].strip()
        if len(text) >= 500:
            yield name, f"{name}/{key}", text


def _held_out(folder: Path) -> Iterator[tuple[str, str, str]]:
    article: list[str] = []
    titles = 0
    for line in [*lines(folder / "04_quality" / "good_wikitext2_valid.txt.zst"), " = end = "]:
        if re.fullmatch(r" = [^=]+ = ", line) and article:
            yield "encyclopedia", str(titles), "\n".join(filter(None, map(plain, article)))
            titles, article = titles + 1, []
        article.append(line)
    for name, content in members(folder / "04_quality" / "onestop_english_levels.tar.zst").items():
        if name.split("/")[-2:-1] == ["Adv-Txt"] and name.endswith(".txt"):
            yield "news", Path(name).stem, content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    if (folder / "04_quality" / "good_state_union.zip").exists():
        with zipfile.ZipFile(folder / "04_quality" / "good_state_union.zip") as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".txt"):
                    yield "speeches", Path(name).stem, archive.read(name).decode("utf-8", errors="replace")
    found = members(folder / "01_html" / "scrapinghub_articles.tar.zst")
    for name, entry in sorted(json.loads(found.get("ground-truth.json", b"{}")).items()):
        if share(host(entry["url"]), 2):
            yield "articles", name[:16], entry["articleBody"]
    for archive, (_, with_sources) in MANUALS.items():
        if with_sources:
            found = members(folder / archive)
            for name in found:
                source = source_of(name, found) if name.endswith(".html") and share(name, HELD_OUT_PAGES) else None
                if source:
                    yield "manuals", name.removesuffix(".html"), found[source].decode()


def plain(line: str) -> str:
    """A line of wikitext-2 as it was written: its spaces around punctuation taken out, `@-@` put together."""
    line = re.sub(r" @([-,.])@ ", r"\1", line.strip())
    line = re.sub(r"^=[= ]*|[= ]*=$", "", line)
    line = re.sub(r" ([,.;:!?%)\]]|'s\b|n't\b)", r"\1", line)
    line = re.sub(r"([(\[$£]) ", r"\1", line)
    return re.sub(r'" ([^"]*) "', r'"\1"', line)


def write_warc(path: Path, found: Iterator[tuple[str, bytes]]) -> int:
    """One response record a page, in the order of a hash of the URL. Returns how many.

    Only pages that libmagic takes for HTML: datatrove's WarcReader passes over the others, without a word.
    """
    import magic
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    count = 0
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for url, content in sorted(found, key=lambda pair: hashlib.sha256(pair[0].encode()).digest()):
            if magic.from_buffer(content, mime=True) not in ("text/html", "application/xhtml+xml"):
                continue
            http = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
            headers = {"WARC-Date": "2026-01-01T00:00:00Z"}
            writer.write_record(
                writer.create_warc_record(url, "response", payload=io.BytesIO(content), http_headers=http, warc_headers_dict=headers)
            )  # fmt: skip
            count += 1
    return count
