"""BFCL v4: are its functions compiled, its gold calls accepted, and corrupted ones refused?

    python benchmarks/bfcl.py FOLDER        # with BFCL_v4_*.json, possible_answer/, multi_turn_func_doc/

Every alternative of a gold answer is a call of its own. The corruptions are made here, from BFCL's own words for types, by nothing
that the compiler or the checker knows: another type, a required argument missing, one too many, another value, another function.
The first three must be refused by the schema, the last two by the comparison with every gold alternative. The calls of
multi-turn rows are Python texts, read as syntax trees; nothing is evaluated.
"""

from __future__ import annotations

import argparse
import ast
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arcmill.functions.check import checker
from arcmill.functions.compare import compare_calls
from arcmill.functions.forms import normal_function
from arcmill.functions.walk import SchemaError

WRONG = {
    "string": [12345, {"of": "another kind"}], "integer": ["twelve", 1.5], "float": ["a few", []], "number": ["a few"],
    "boolean": ["perhaps", 7], "array": ["just a text", {"0": 1}], "tuple": ["just a text"], "dict": ["just a text", 7],
}  # fmt: skip
CLASSES = {
    "GorillaFileSystem": "gorilla_file_system", "MathAPI": "math_api", "MessageAPI": "message_api", "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api", "TradingBot": "trading_bot", "TravelAPI": "travel_booking", "VehicleControlAPI": "vehicle_control",
}  # fmt: skip
KINDS = ("type", "missing", "extra", "value", "function")
Call = tuple[str, dict[str, Any]]


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def unfolded(value: Any) -> Any:
    """The first alternative of a value: inside of objects, BFCL gives alternatives again."""
    if isinstance(value, dict):
        return {key: unfolded(first) for key, given in value.items() if (first := wanted(given)) is not None}
    if isinstance(value, list):
        return [unfolded(one) for one in value]
    return value


def wanted(alternatives: Any) -> Any:
    """The first alternative that is a value; "" says that the argument may be left out. None where there is no other."""
    if not isinstance(alternatives, list):
        return alternatives
    return next((one for one in alternatives if one != ""), None)


def variants(gold: dict[str, dict[str, list[Any]]]) -> Iterator[Call]:
    """Gold calls of one answer: the first alternatives, then each other alternative with the first ones of the rest."""
    for name, arguments in gold.items():
        base = {key: unfolded(first) for key, given in arguments.items() if (first := wanted(given)) is not None}
        yield name, base
        for key, given in arguments.items():
            for one in given:
                if one == "" and key in base:
                    yield name, {other: value for other, value in base.items() if other != key}
                elif one != "" and unfolded(one) != base.get(key):
                    yield name, {**base, key: unfolded(one)}


def spoken(text: str, functions: dict[str, dict[str, Any]]) -> Call:
    """A call written in Python; values by their place take the names of the parameters in order. ValueError if it is none."""
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Call):
        raise ValueError(f"{text!r} is no call")
    name = ast.unparse(node.func)
    order = list(functions.get(name, {}).get("parameters", {}).get("properties", {}))
    arguments = {
        order[at] if at < len(order) else f"argument {at}": ast.literal_eval(one) for at, one in enumerate(node.args)
    }
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError(f"{text!r} unpacks a mapping")
        arguments[keyword.arg] = ast.literal_eval(keyword.value)
    return name, json.loads(json.dumps(arguments))


def corrupted(call: Call, raw: dict[str, Any], others: list[str]) -> Iterator[tuple[str, Call]]:
    """(kind, call) for each way in which the call is made wrong."""
    name, arguments = call
    properties, required = raw["parameters"].get("properties", {}), raw["parameters"].get("required", [])
    for key in arguments:
        for value in WRONG.get(properties.get(key, {}).get("type"), []):
            yield "type", (name, {**arguments, key: value})
        if key in required:
            yield "missing", (name, {other: value for other, value in arguments.items() if other != key})
        if (value := another(arguments[key])) is not None:
            yield "value", (name, {**arguments, key: value})
    yield "extra", (name, {**arguments, "an_argument_too_many": 1})
    for other in others[:1] or [f"{name}_other"]:
        yield "function", (other, arguments)


def another(value: Any) -> Any:
    """Another value of the same type, far from any alternative; None where there is none."""
    if isinstance(value, bool):
        return None  # the other one may well be an alternative
    if isinstance(value, int | float):
        return value * 3 + 7919
    if isinstance(value, str):
        return value + " and quite another thing"
    if isinstance(value, list):
        return [*value, value[-1]] if value else None
    return None


class Table:
    """What became of the calls of one file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: list[str] = []
        self.passed: list[str] = []
        self.seconds = 0.0

    def gold(self, where: str, calls: list[Call], checks: dict[str, Any], raw: dict[str, Any]) -> None:
        """Gold calls, which are all right by the file's own word, and their corruptions."""
        schemas = {name: one["parameters"] for name, one in raw.items()}
        good: list[Call] = []
        for name, arguments in calls:
            self.counts["gold"] += 1
            begun = time.perf_counter()
            wrong = checks[name](arguments) if name in checks else [f"no function {name}"]
            self.seconds += time.perf_counter() - begun
            if wrong:
                self.refused.append(f"{where}: {name}: {'; '.join(wrong)[:160]}")
            else:
                self.counts["accepted"] += 1
                good.append((name, arguments))
        for call in good[:1]:
            for kind, bad in corrupted(call, raw[call[0]], [name for name in raw if name != call[0]]):
                self.counts[f"{kind} made"] += 1
                if kind in ("value", "function"):
                    caught = all(compare_calls([one], [bad], schemas) for one in good)
                else:
                    caught = bool(checks[bad[0]](bad[1]))
                self.counts[f"{kind} refused"] += caught
                if not caught:
                    self.passed.append(f"{where}: {kind}: {bad[0]}({json.dumps(bad[1])[:120]})")

    def line(self, name: str) -> str:
        """The table's row."""
        told = [f"{self.counts[f'{kind} refused']}/{self.counts[f'{kind} made']}" for kind in KINDS]
        return f"| {name} | {self.counts['functions']} | {self.counts['compiled']} | {self.counts['accepted']}/{self.counts['gold']} | {' | '.join(told)} |"


def compiled(functions: list[dict[str, Any]], table: Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """(name -> check, name -> function as BFCL gives it) of those that compile."""
    checks, raw = {}, {}
    for one in functions:
        table.counts["functions"] += 1
        try:
            made = normal_function(one)["function"]
            checks[made["name"]] = checker(made["parameters"])
            raw[made["name"]] = one
            table.counts["compiled"] += 1
        except SchemaError as error:
            table.refused.append(f"function {one.get('name')}: {error}")
    return checks, raw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the unpacked BFCL v4 data")
    parser.add_argument("--explain", type=int, default=100, help="refused gold calls that are shown, at most")
    given = parser.parse_args()
    docs = {path.stem: list(rows(path)) for path in sorted((given.folder / "multi_turn_func_doc").glob("*.json"))}
    print(
        "| file | functions | compiled | gold calls accepted | "
        + " | ".join(f"{kind} refused" for kind in KINDS)
        + " |"
    )
    print("|---|--:|--:|--:|" + "--:|" * len(KINDS))
    tables: dict[str, Table] = {}
    for path in sorted(given.folder.glob("BFCL_v4_*.json")):
        table = tables[path.stem] = Table()
        answers = given.folder / "possible_answer" / path.name
        gold = {row["id"]: row["ground_truth"] for row in rows(answers)} if answers.exists() else {}
        for row in rows(path):
            functions = row.get("function") or [one for name in row["involved_classes"] for one in docs[CLASSES[name]]]
            checks, raw = compiled(functions, table)
            for answer in gold.get(row["id"], []):
                if isinstance(answer, dict):
                    table.gold(row["id"], list(variants(answer)), checks, raw)
                    continue
                for text in answer:
                    table.gold(row["id"], [spoken(text, raw)], checks, raw)
        print(table.line(path.stem.removeprefix("BFCL_v4_")), flush=True)
    for name, table in tables.items():
        told = [*table.refused, *(f"NOT REFUSED {one}" for one in table.passed)]
        if told:
            print(
                f"\n{name}: gold calls refused ({len(table.refused)}), corruptions not refused ({len(table.passed)}):"
            )
            print("\n".join(f"  {one}" for one in told[: given.explain]))
    calls, seconds = (
        sum(table.counts["gold"] for table in tables.values()),
        sum(table.seconds for table in tables.values()),
    )
    print(f"\n{calls} gold calls checked in {seconds:.3f} s, {calls / max(seconds, 1e-9):,.0f} a second on one core")


if __name__ == "__main__":
    main()
