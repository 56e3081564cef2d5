"""What changed between two runs: what moved is marked, chance is not, and a run can be kept as its figures alone."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcmill.config import Field, StageConfig
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Outcome, Stage
from pipelines.report import report_json, write_report
from pipelines.report.changes import Changes, compare
from pipelines.report.earlier import check_since, previous, read_earlier
from pipelines.report.summary import Summary, read_summary


class Settings(StageConfig):
    rows: int = Field(4000, description="rows that are made")
    seed: int = Field(0, description="which")
    short: float = Field(0.2, description="share of rows that are short")
    shift: float = Field(0.0, description="added to the quality score")
    threshold: int = Field(10, description="of length")
    fourth: bool = Field(False, description="whether there is a fourth source")


def make(split: str, config: Settings) -> Iterator[Document]:
    drawn = random.Random(config.seed)
    for row in range(config.rows):
        text = "ab" if drawn.random() < config.short else "word " * drawn.randint(5, 60)
        source = drawn.randrange(4 if config.fourth else 3)
        yield Document(
            f"{config.seed}-{row}", text, f"source-{source}", language="en",
            quality_score=min(0.5 * drawn.random() + config.shift, 1.0),
        )  # fmt: skip


def keep(document: Document, config: Settings) -> Document | Outcome:
    length = len(document.text)
    return Outcome("short<b>", score=length, threshold=config.threshold) if length < config.threshold else document


MAKE = Stage(name="make", version=1, help="x", config=Settings, writes="Document", engine="datatrove", core=make, reads={}, splits=lambda config: ["one"])  # fmt: skip
KEEP = Stage(name="keep", version=1, help="x", config=Settings, writes="Document", engine="datatrove", core=keep, reads={"input": "Document"}, each=True)  # fmt: skip


def build(root: Path, settings: Settings) -> str:
    execute(MAKE, settings, {}, f"{root}/made")
    execute(KEEP, Settings(threshold=settings.threshold), {"input": [f"{root}/made"]}, f"{root}/kept")
    return str(root)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Day 1; day 2 of other documents of the same kind; day 3 where much is otherwise."""
    root = tmp_path_factory.mktemp("days")
    build(root / "2026-01-01", Settings())
    build(root / "2026-01-02", Settings(seed=1))
    build(root / "2026-01-03", Settings(seed=2, rows=6000, short=0.3, shift=0.2, threshold=11, fourth=True))
    return root


def between(days: Path, a: int, b: int) -> Changes:
    earlier = read_earlier(f"{days}/2026-01-0{a}", f"{days}/2026-01-0{b}")
    assert earlier is not None
    return compare(earlier, Summary.model_validate(report_json(f"{days}/2026-01-0{b}")))


def test_other_documents_of_the_same_kind_move_nothing(days: Path) -> None:
    changes = between(days, 1, 2)
    assert changes.moved == [] and changes.marks == 0
    assert [(one.step, one.key, one.before, one.after) for one in changes.settings] == [("made", "seed", 0, 1)]
    assert len(changes.figures) >= 8  # all of them are there, unmarked


def test_what_moved_is_marked_with_the_numbers_of_both(days: Path) -> None:
    changes = between(days, 1, 3)
    moved = {(one.step, one.what): one for one in changes.moved}
    ends = moved["kept", "documents in the end"]
    assert ends.how == "up" and ends.before is not None and ends.after is not None and ends.after > 1.2 * ends.before
    rule = moved["kept", "dropped by short<b>"]
    assert rule.how == "up" and rule.before is not None and rule.after is not None
    assert rule.before == pytest.approx(0.2, abs=0.03) and rule.after == pytest.approx(0.3, abs=0.03)
    assert (rule.rows_before, rule.rows_after) == (round(rule.before * 4000), round(rule.after * 6000))
    assert moved["kept", "source source-3"].how == "new"
    assert moved["kept", "kept"].how == "down"
    assert {s.name for s in changes.shifts if s.moved} == {"quality_score"}
    shift = next(s for s in changes.shifts if s.name == "quality_score")
    assert shift.told["b"]["p50"] - shift.told["a"]["p50"] == pytest.approx(0.2, abs=0.03)
    assert sum(shift.before) == shift.told["a"]["count"] and sum(shift.after) == shift.told["b"]["count"]
    assert ("kept", "threshold", 10, 11) in [(o.step, o.key, o.before, o.after) for o in changes.settings]


def test_chance_alone_marks_hardly_anything() -> None:
    from pipelines.report.changes import _share

    drawn = random.Random(7)
    marked = 0
    for _ in range(300):
        share, n, m = drawn.choice([0.002, 0.02, 0.2, 0.5, 0.9]), drawn.randint(500, 4000), drawn.randint(500, 4000)
        x, y = (sum(drawn.random() < share for _ in range(size)) for size in (n, m))
        marked += _share("s", "w", x, y, n, m, "rule").moved
    assert marked <= 2
    assert _share("s", "w", 200, 300, 4000, 4000, "rule").moved
    assert not _share("s", "w", 1_000_000, 1_010_000, 50_000_000, 50_000_000, "rule").moved  # sure, and nothing
    assert not _share("s", "w", 0, 8, 2000, 2000, "rule").moved  # too few to tell


def test_steps_that_came_or_went_and_those_with_the_same_bytes(days: Path, tmp_path: Path) -> None:
    build(tmp_path / "now", Settings())
    execute(KEEP, Settings(threshold=20), {"input": [f"{tmp_path}/now/kept"]}, f"{tmp_path}/now/again")
    earlier = read_earlier(f"{days}/2026-01-01", f"{tmp_path}/now")
    assert earlier is not None
    changes = compare(earlier, Summary.model_validate(report_json(f"{tmp_path}/now")))
    assert changes.same == ["made", "kept"]
    assert [(one.step, one.how) for one in changes.moved] == [("again", "new")]


def test_a_run_is_kept_as_its_figures(days: Path, tmp_path: Path) -> None:
    kept = tmp_path / "day.json"
    kept.write_text(json.dumps(report_json(f"{days}/2026-01-01")))
    page = Path(write_report(f"{days}/2026-01-03", f"{tmp_path}/a.html", since=str(kept))).read_bytes()
    assert (
        page == Path(write_report(f"{days}/2026-01-03", f"{tmp_path}/b.html", since=f"{days}/2026-01-01")).read_bytes()
    )
    for wrong in ("[]", "{", '{"format": 2, "run": "x", "steps": [], "findings": []}', '{"format": 1}'):
        kept.write_text(wrong)
        with pytest.raises(InputError, match="is not what report --json prints"):
            read_summary(str(kept))
    with pytest.raises(InputError):
        read_earlier(f"{tmp_path}/none", f"{days}/2026-01-03")
    with pytest.raises(InputError, match="no such"):
        check_since(f"{tmp_path}/none")
    with pytest.raises(UsageError, match="is the run itself"):
        read_earlier(f"{days}/2026-01-03", f"{days}/2026-01-03/")


def test_the_run_before_is_found_by_name(days: Path, tmp_path: Path) -> None:
    assert previous(f"{days}/2026-01-03") == f"{days}/2026-01-02"
    assert previous(f"{days}/2026-01-01") is None
    for date in ("2026-01-01", "2026-01-02"):
        (tmp_path / date).mkdir()
        (tmp_path / date / "crawl").symlink_to(days / date)
    (tmp_path / "2026-01-02" / "a").mkdir()
    assert previous(f"{tmp_path}/2026-01-02/crawl") == f"{tmp_path}/2026-01-01/crawl"
    other = tmp_path / "2026-01-01b"
    execute(MAKE, Settings(rows=3), {}, f"{other}/unlike")
    assert previous(f"{other}") is None  # neither crawl's folder nor a run of the same steps stands before it


def test_the_page_tells_it(days: Path, tmp_path: Path) -> None:
    page = Path(write_report(f"{days}/2026-01-03", f"{tmp_path}/c.html", since="previous")).read_text()
    assert 'href="#changes"' in page and "figures moved since 2026-01-02" in page
    assert "dropped by short&lt;b&gt;" in page and "short<b>" not in page
    assert re.search('documents in the end</dt><dd><b>[0-9,]+</b><span class="note">[^<]*; 3,[0-9]{3} before', page)
    first = Path(write_report(f"{days}/2026-01-01", f"{tmp_path}/d.html", since="previous")).read_text()
    assert "No earlier run of these steps stands beside this one" in first
    alone = Path(write_report(f"{days}/2026-01-01", f"{tmp_path}/e.html")).read_text()
    assert 'id="changes"' not in alone and "Nothing needs a look." in alone


def test_what_was_worth_a_look_before_is_told_from_what_is_new(tmp_path: Path) -> None:
    build(tmp_path / "1", Settings(rows=400, short=0.7))
    build(tmp_path / "2", Settings(rows=400, short=0.72, seed=1))
    page = Path(write_report(f"{tmp_path}/2", None, since="previous")).read_text()
    assert "1 thing is worth a look, none of them new since 1." in page and " As in 1." in page
    build(tmp_path / "0", Settings(rows=400))
    page = Path(write_report(f"{tmp_path}/2", None, since=f"{tmp_path}/0")).read_text()
    assert "1 thing is worth a look, 1 of them new since 0." in page and " As in 0." not in page
