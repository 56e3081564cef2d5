"""The table of a review: rows for people to decide, written and read as CSV (or read as the JSON that the form saves).

CSV is UTF-8 with a byte order mark, since Excel takes a file without one for the machine's old code page; LibreOffice and
others read either. A cell that a spreadsheet would run as a formula gets an apostrophe before it, which reading takes off
again, so what comes back is what went out.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from arcmill.errors import UsageError

COLUMNS = (
    "number", "id", "kind", "decision", "text", "answer", "edited_text", "note", "reviewer", "reviewed_at", "suggestions",
    "original", "source",
)  # fmt: skip
NEEDED = ("id", "decision")
DECISIONS = {
    "accept": "accept", "accepted": "accept", "edit": "edit", "edited": "edit", "refuse": "refuse", "refused": "refuse",
}  # fmt: skip
FORMAT = "arcmill-review"
_FORMULA = re.compile(r"'*[\s\x00-\x20\u00a0\ufeff]*[=+\-@＝＋－＠|%]")
_GUARDED = re.compile(r"''*[\s\x00-\x20\u00a0\ufeff]*[=+\-@＝＋－＠|%]")
_LONGEST = 100_000  # characters of a note or an edited text


@dataclass(frozen=True, slots=True)
class Entry:
    """What a person said of a row. `place` says where it stands in the file, for messages."""

    id: str
    decision: str  # accept | edit | refuse
    text: str | None  # what it becomes, where it was edited
    shown: str | None  # the text that was decided on, as the file has it
    note: str
    by: str | None
    at: str | None  # ISO 8601, as it was written
    place: str


def guard(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """The inverse."""
    return cell[1:] if _GUARDED.match(cell) else cell


def shown_rows(problems: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a person is shown of rows of Problem (dictionaries of `id`, `prompt`, `answer`, `source`, `evidence`)."""
    for number, problem in enumerate(problems, 1):
        evidence = read_evidence(problem.get("evidence"))
        kind = str(evidence.get("kind") or "problem")
        spans = evidence.get("spans") if kind == "passage-qa" else None
        yield {
            "number": number, "id": problem["id"], "kind": kind, "text": text_of(problem["prompt"], evidence),
            "answer": problem.get("answer") or "", "source": problem.get("source") or "",
            "original": str(evidence.get("passage") or ""), "spans": spans if isinstance(spans, list) else [],
            "names": hidden_names(problem.get("answer"), evidence), "question": str(evidence.get("question") or ""),
            "url": str(evidence.get("url") or ""),
        }  # fmt: skip


def read_evidence(held: str | None) -> dict[str, Any]:
    """A row's evidence as an object; {} where it has none."""
    try:
        evidence = json.loads(held or "{}")
    except ValueError:
        return {}
    return evidence if isinstance(evidence, dict) else {}


def text_of(prompt: str, evidence: Mapping[str, Any]) -> str:
    """What is decided on: the obfuscated passage, or the question itself."""
    return str(evidence["text"]) if evidence.get("kind") == "passage-qa" and "text" in evidence else prompt


def prompt_of(text: str, evidence: Mapping[str, Any]) -> str:
    """The prompt that a text makes: with the question before it, where it is a passage."""
    return f"{evidence.get('question', '')}\n\n{text}" if evidence.get("kind") == "passage-qa" else text


def hidden_names(answer: str | None, evidence: Mapping[str, Any]) -> list[str]:
    """The names that an edited text must not hold: the answer, and its other names."""
    aliases = evidence.get("aliases")
    names = [answer or "", *(aliases if isinstance(aliases, list) else ())]
    return [name for name in dict.fromkeys(map(str, names)) if name.strip()]


def write_csv(stream: BinaryIO, rows: Sequence[Mapping[str, Any]]) -> None:
    """The table, with empty columns for what people say."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        told = "\n".join(f"{span['original']} → {span['suggestion']} ({span['reason']})" for span in row["spans"])
        cells = {
            **row,
            "suggestions": told,
            "decision": "",
            "edited_text": "",
            "note": "",
            "reviewer": "",
            "reviewed_at": "",
        }
        writer.writerow([guard(str(cells[name])) for name in COLUMNS])
    text.flush()
    text.detach()


# -- reading ---------------------------------------------------------------------------------------------------


def read_review(
    path: str, delimiter: str = ",", by: str | None = None, at: str | None = None
) -> tuple[dict[str, Entry], int]:
    """The entries of a filled-in table by id, and how many rows were left undecided.

    `by` and `at` stand where a row does not say who and when. UsageError names the line of what is wrong.
    """
    data = _bytes(path)
    text = _decoded(path, data)
    rows = _from_json(path, text) if text.lstrip()[:1] == "{" else _from_csv(path, text, delimiter)
    entries: dict[str, Entry] = {}
    undecided = 0
    for row, place in rows:
        entry = _entry(row, place, by, at)
        if entry is None:
            undecided += 1
            continue
        other = entries.get(entry.id)
        if other is not None and (other.decision, other.text) != (entry.decision, entry.text):
            raise UsageError(
                f"{place}: row {entry.id} is decided '{entry.decision}' here and '{other.decision}' in {other.place}"
            )
        entries.setdefault(entry.id, entry)
    return entries, undecided


def _bytes(path: str) -> bytes:
    from arcmill.storage import locate

    filesystem, full = locate(path)
    try:
        data: bytes = filesystem.cat_file(full)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    return data


def _decoded(path: str, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise UsageError(f'{path}, line 1: is UTF-16; save it as "CSV UTF-8"')
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f'{path}, line {line}: is not UTF-8 (byte {data[error.start]:#04x}); save it as "CSV UTF-8"'
        ) from None


def _from_csv(path: str, text: str, delimiter: str) -> Iterator[tuple[dict[str, str], str]]:
    csv.field_size_limit(1 << 24)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in NEEDED if name not in header]:
            raise UsageError(f"{path}, line 1: no column {' and '.join(missing)}{_hint(text, delimiter)}")
        if twice := [name for name in dict.fromkeys(header) if name and header.count(name) > 1]:
            raise UsageError(f"{path}, line 1: column {twice[0]} stands there twice")
        line = reader.line_num + 1
        for cells in reader:
            place, line = f"{path}, line {line}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise UsageError(f"{place}: {len(cells)} cells, the header has {len(header)}")
            yield {name: unguard(cell) for name, cell in zip(header, cells, strict=True)}, place
    except csv.Error as error:
        raise UsageError(f"{path}, line {line}: is no CSV ({error})") from None


def _hint(text: str, delimiter: str) -> str:
    first = text.partition("\n")[0]
    for sign, name in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if sign != delimiter and "decision" in [cell.strip(' "\r').lower() for cell in first.split(sign)]:
            shown = {"\t": "$'\\t'"}.get(sign, f"'{sign}'")
            return f"; it is separated by {name}: say --delimiter {shown}, or save it with commas"
    return "; `arcmill review export` writes such a table"


def _from_json(path: str, text: str) -> Iterator[tuple[dict[str, str], str]]:
    try:
        held = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}, line {getattr(error, 'lineno', 1)}: is no JSON ({error})") from None
    if not isinstance(held, dict) or held.get("format") != FORMAT or not isinstance(held.get("rows"), list):
        raise UsageError(f'{path}, line 1: is no review that the form saved ("format": "{FORMAT}")')
    if held.get("version") != 1:
        raise UsageError(f"{path}, line 1: version {held.get('version')!r} of a review; this arcmill reads 1")
    for number, row in enumerate(held["rows"], 1):
        place = f"{path}, row {number}"
        if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
            raise UsageError(f"{place}: is no object of texts")
        yield row, place


def _entry(row: Mapping[str, str], place: str, by: str | None, at: str | None) -> Entry | None:
    """What a line says; None where it is undecided. Line ends become plain ones, as spreadsheets change them."""
    given = (row.get("decision") or "").strip()
    identifier = (row.get("id") or "").strip()
    shown, edited = (_plain(row[name]) if name in row else None for name in ("text", "edited_text"))
    if not identifier:
        raise UsageError(f"{place}: no id")
    if not given:
        if (edited or "").strip():
            raise UsageError(f"{place}: edited_text is filled in, but there is no decision; write edit")
        return None
    decision = DECISIONS.get(given.lower())
    if decision is None:
        raise UsageError(f"{place}: decision {given[:40]!r}; accepted: accept, edit, refuse, or empty")
    changed = (edited or "").strip() != "" and (edited or "").strip() != (shown or "").strip()
    if decision == "edit" and not changed:
        raise UsageError(
            f"{place}: decision edit, but edited_text is {'the same text' if (edited or '').strip() else 'empty'}"
        )
    if decision != "edit" and changed:
        raise UsageError(f"{place}: decision {decision}, but edited_text is another text; write edit, or empty it")
    who, when = (row.get("reviewer") or "").strip() or by, (row.get("reviewed_at") or "").strip() or at
    if not who:
        raise UsageError(f"{place}: nobody is named in reviewer; fill it in, or say --by NAME")
    if not when:
        raise UsageError(f"{place}: reviewed_at is empty; fill it in, or say --at 2026-11-22")
    check_time(when, f"{place}: reviewed_at")
    note = _plain(row.get("note") or "")
    for name, value in (("note", note), ("edited_text", edited or "")):
        if len(value) > _LONGEST:
            raise UsageError(f"{place}: {name} has {len(value):,} characters; at most {_LONGEST:,}")
        if "\0" in value:
            raise UsageError(f"{place}: {name} holds NUL characters")
    return Entry(identifier, decision, edited if decision == "edit" else None, shown, note, who, when, place)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_time(text: str, what: str) -> None:
    """UsageError unless it is a date or a time of ISO 8601."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what} {text[:40]!r} is no date; write 2026-11-22 or 2026-11-22T15:04:05Z") from None
