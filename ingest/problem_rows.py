"""From a row of any table (a dictionary) to a Problem: prompt put together, answer as the grader wants it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import orjson

from arcmill.errors import InputError
from arcmill.records import ANSWER_TYPES, PROBLEM_FIELDS, Problem, stable_id
from arcmill.stage import Failure, Outcome
from arcmill.tables.formats import suffix_of
from arcmill.tables.values import BAD_UTF8, Refused, kind_of, listed, nested, read_float, read_integer, read_string

if TYPE_CHECKING:
    from ingest.problems import IngestProblems

_INDEX = re.compile("[0-9]{1,4}")
_READERS = {"pass_rate": read_float, "attempts": read_integer}


class ProblemMapper:
    """Makes Problems of the rows of one file."""

    text_field = "prompt"

    def __init__(self, config: IngestProblems, file: str) -> None:
        self.file, self.config = file, config
        mapped = {field: field for field in PROBLEM_FIELDS} | config.columns
        if config.source is not None and "source" not in config.columns:
            del mapped["source"]
        self.text_column: str = mapped.pop("prompt") or "prompt"
        self.columns = {field: column for field, column in mapped.items() if column is not None}
        self.asked = {"prompt": self.text_column}
        self.asked |= {field: column for field, column in config.columns.items() if column is not None}
        self.stem = _stem(file)

    def require(self, present: Iterable[str]) -> None:
        """Check a header. InputError names what is missing and what there is."""
        names = set(present)
        wanted = [(f"columns.{field}", column) for field, column in self.asked.items()]
        wanted += [("passage", self.config.passage)] if self.config.passage else []
        wanted += [("choices", column) for column in self.config.choices]
        for setting, column in wanted:
            if column not in names and column.partition(".")[0] not in names:
                raise InputError(
                    f"{self.file}: no column '{column}' for '{setting.removeprefix('columns.')}'; the columns are "
                    f"{listed(names)}; name it with --set {setting}=COLUMN"
                )

    def needed(self, present: Iterable[str]) -> list[str]:
        """The top-level columns to read, in the order of the file."""
        wanted = [self.text_column, *self.columns.values(), *self.config.choices, self.config.passage or ""]
        keys = set(wanted) | {column.partition(".")[0] for column in wanted}
        return [name for name in present if name in keys]

    def row(self, row: Any, unit: str, number: int) -> Problem | Failure:
        """One row; `unit` and `number` say where it stands, for the ledger ("line", 17)."""
        if type(row) is not dict:
            return self.failure("not-an-object", unit, number, f"expected an object, found {kind_of(row)}")
        values: dict[str, Any] = {}
        try:
            for field, column in self.columns.items():
                if field != "answer" and (value := _value(row, column)) is not None:
                    values[field] = self._read(field, column, value)
            question = self._string(row, self.text_column)
            if question is None:
                raise Refused("missing-prompt", f"no '{self.text_column}' (--set columns.prompt=…) in {listed(row)}")
            if question.isspace():
                raise Refused("empty-prompt", f"'{self.text_column}' is blank")
            choices = self._choices(row)
            answer = self._answer(row, choices)
            passage = self._string(row, self.config.passage) if self.config.passage else None
        except Refused as refused:
            return self.failure(refused.rule, unit, number, str(refused), values.get("id"))
        kind = values.pop("answer_type", None) or self.config.answer_type or ("choice" if choices else "exact")
        if kind not in ANSWER_TYPES:
            detail = f"'{kind}' is no answer type; accepted: {', '.join(ANSWER_TYPES)}"
            return self.failure("bad-answer-type", unit, number, detail, values.get("id"))
        prompt = question.strip()
        if passage:
            marked = prompt if prompt.lower().startswith(("question:", "q:")) else f"Question: {prompt}"
            prompt = f"Passage: {passage.strip()}\n\n{marked}"
        prompt = "\n".join([prompt, *(f"{letter}. {text}" for letter, text in zip(ascii_uppercase, choices))])  # noqa: B905
        source = values.pop("source", None) or self.config.source or self.stem
        key = values.pop("id", None) or stable_id(source, "prompt", prompt)
        return Problem(key, prompt, kind, source, answer, **values)

    def failure(self, rule: str, unit: str, number: int, detail: str, key: str | None = None) -> Failure:
        """An errored row, named by its id where that could be read, else by its place."""
        where = f"{self.file}, {unit} {number}"
        return Failure(key or where, Outcome(rule, "errored", detail=f"{where}: {detail}"))

    def _read(self, field: str, column: str, value: Any) -> Any:
        try:
            return _READERS.get(field, _text)(value)
        except Refused as refused:
            raise Refused(refused.rule, f"column '{column}' for '{field}': {refused}") from None

    def _string(self, row: Mapping[str, Any], column: str) -> str | None:
        value = _value(row, column)
        if value is None:
            return None
        try:
            return read_string(value)
        except Refused as refused:
            raise Refused(refused.rule, f"column '{column}': {refused}") from None

    def _choices(self, row: Mapping[str, Any]) -> list[str]:
        choices: list[str] = []
        for column in self.config.choices:
            value = _value(row, column)
            items = value if isinstance(value, (list, tuple)) else [value]
            for item in items:
                if item is None or (text := read_string(item)) is None:
                    raise Refused("bad-choices", f"a choice in '{column}' is empty")
                choices.append(" ".join(text.split()))
        if len(choices) > len(ascii_uppercase):
            raise Refused("bad-choices", f"{len(choices)} choices; at most {len(ascii_uppercase)} have letters")
        return choices

    def _answer(self, row: Mapping[str, Any], choices: list[str]) -> str | None:
        column = self.columns.get("answer")
        value = _value(row, column) if column else None
        if value is None or value == "":
            return None
        if not choices:
            return _text(value)
        if isinstance(value, str) and value.strip() in choices:
            return ascii_uppercase[choices.index(value.strip())]
        if isinstance(value, str) and value.strip().upper() in ascii_uppercase[: len(choices)]:
            return value.strip().upper()
        number = int(value) if isinstance(value, str) and _INDEX.fullmatch(value.strip()) else value
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(choices):
            return ascii_uppercase[number]
        raise Refused("bad-answer", f"{kind_of(value)} is none of the {len(choices)} choices")


def _value(row: Mapping[str, Any], column: str) -> Any:
    value = row.get(column)
    return nested(row, column) if value is None and "." in column else value


def _text(value: Any) -> str | None:
    """A string, or JSON of what is none: lists of accepted answers, test cases."""
    if isinstance(value, (list, dict, bool)) and value is not BAD_UTF8:
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        except (TypeError, RecursionError) as error:
            raise Refused("not-a-string", f"the value has no JSON form: {error}") from None
    return read_string(value)


def _stem(file: str) -> str:
    name = file.rpartition("/")[2]
    suffix = suffix_of(file)
    at = name.lower().rfind(suffix)
    return name[:at] if at > 0 else name
