"""The rows of `export-rl`: schemas of the layouts, and a problem as a row of them."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from arcmill.errors import UsageError
from arcmill.records import Problem
from arcmill.stage import Outcome
from arcmill.storage import locate

if TYPE_CHECKING:
    from sequences.export_rl import ExportRl

PLACE = "{prompt}"
_TEXT = pa.large_string()
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", _TEXT)]))
_ABOUT = [
    ("id", pa.string()), ("source", pa.string()), ("domain", pa.string()), ("verifier", pa.string()), ("answer", _TEXT),
    ("tests", _TEXT), ("difficulty", pa.string()), ("stage", pa.int32()), ("pass_rate", pa.float64()),
    ("attempts", pa.int32()), ("evidence", _TEXT),
]  # fmt: skip


def rl_schema(config: ExportRl) -> pa.Schema:
    """The columns of a layout."""
    common = [("id", pa.string()), ("stage", pa.int32())]
    if config.layout == "slime":
        prompt = _MESSAGES if not config.prompt_is_text else _TEXT
        metadata = pa.struct([("rm_type", pa.string()), *_ABOUT])
        return pa.schema(
            [*common, (config.prompt_key, prompt), (config.label_key, _TEXT), (config.metadata_key, metadata)]
        )
    reward = pa.struct([("style", pa.string()), ("ground_truth", _TEXT)])
    extra = pa.struct([("index", pa.int64()), *_ABOUT])
    return pa.schema(
        [*common, ("data_source", pa.string()), ("prompt", _MESSAGES), ("ability", pa.string()), ("reward_model", reward),
         ("extra_info", extra)]
    )  # fmt: skip


def read_template(config: ExportRl) -> str:
    """The text that the problem is put into."""
    if config.template_file is None:
        return config.template
    filesystem, path = locate(config.template_file)
    try:
        with filesystem.open(path, "rb") as stream:
            text: str = stream.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"template_file {config.template_file}: cannot be read ({error})") from None
    if PLACE not in text:
        raise UsageError(f"template_file {config.template_file}: holds no {PLACE}, where the problem goes")
    return text


def left_out(problem: Problem, config: ExportRl) -> Outcome | None:
    """Why a problem is no RL prompt; None where it is one."""
    kind = problem.answer_type
    if config.answer_types is not None and kind not in config.answer_types:
        return Outcome("answer-type", detail=kind)
    if config.difficulties is not None and problem.difficulty not in config.difficulties:
        return Outcome("difficulty", detail=problem.difficulty or "unknown")
    if kind == "judged":
        return None if config.judged else Outcome("judged", detail="only a judge could score it")
    if kind == "code":
        return None if (problem.tests or "").strip() else Outcome("no-tests")
    return None if (problem.answer or "").strip() else Outcome("no-answer")


def rl_row(problem: Problem, config: ExportRl, template: str) -> dict[str, Any]:
    """A problem that is not left out as a row of the layout."""
    said = template.replace(PLACE, problem.prompt)
    messages = [{"role": "user", "content": said}]
    if config.system is not None:
        messages.insert(0, {"role": "system", "content": config.system})
    kind = problem.answer_type
    truth = problem.tests if kind == "code" else problem.answer
    stage = config.curriculum.index(problem.difficulty) + 1 if problem.difficulty in config.curriculum else None
    about = {
        "id": problem.id, "source": problem.source, "domain": problem.domain, "verifier": kind, "answer": problem.answer,
        "tests": problem.tests, "difficulty": problem.difficulty, "stage": stage, "pass_rate": problem.pass_rate,
        "attempts": problem.attempts, "evidence": problem.evidence,
    }  # fmt: skip
    row: dict[str, Any] = {"id": problem.id, "stage": stage}
    if config.layout == "slime":
        row[config.prompt_key] = messages if not config.prompt_is_text else said
        row[config.label_key] = truth or ""
        row[config.metadata_key] = {"rm_type": config.rewards.get(kind), **about}  # type: ignore[call-overload]
        return row
    return row | {
        "data_source": config.rewards.get(kind, problem.source),  # type: ignore[call-overload]
        "prompt": messages,
        "ability": problem.domain or kind,
        "reward_model": {"style": "model" if kind == "judged" else "rule", "ground_truth": truth or ""},
        "extra_info": {"index": row_number(problem.id), **about},
    }


def row_number(problem_id: str) -> int:
    """A number of 63 bits that is the problem's in every export: a row's place would change with its neighbours."""
    digest = blake2b(problem_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
