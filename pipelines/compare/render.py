"""A comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.why import shown

WIDTH = 24  # of a bar
MOST_RULES = 12


def render(found: Mapping[str, Any]) -> str:
    """Steps, then of each compared dataset overlap, tokens, distributions, and rows that one side alone has."""
    lines = [f"a  {found['a']}", f"b  {found['b']}", "", "steps"]
    for step in found["steps"]:
        lines += _step(step)
    for content in found["contents"]:
        lines += ["", *_content(content)]
    return "\n".join(lines)


def _step(step: Mapping[str, Any]) -> Iterator[str]:
    name = step["a"] or step["b"]
    if step["a"] and step["b"] and step["a"] != step["b"]:
        name = f"{step['a']} | {step['b']}"
    if step["a"] is None or step["b"] is None:
        yield f"  {name} ({step['stage']}): only in {'b' if step['a'] is None else 'a'}"
        return
    states = [step.get(f"state_{side}") for side in "ab"]
    if any(states):
        yield f"  {name} ({step['stage']}): a {states[0] or 'done'}, b {states[1] or 'done'}"
        return
    if step["same"]:
        yield f"  {name} ({step['stage']}): the same (fingerprints are equal)"
        return
    counts = [
        f"{key} {_two(step['counts_a'][key], step['counts_b'][key])}" for key in step["counts_a"] if _some(step, key)
    ]
    yield f"  {name} ({step['stage']}): {', '.join(counts)}"
    if step["stage_a"] != step["stage_b"]:
        yield f"      other stages: {step['stage_a']} | {step['stage_b']}"
    for line in step["differs"] if step["stage_a"] == step["stage_b"] else ():
        yield f"      {shown(line)}"
    for rule in step["rules"][:MOST_RULES]:
        yield f"      {rule['outcome']:<8} {shown(rule['rule']):<32} {_two(rule['a'], rule['b'])}"
    if len(step["rules"]) > MOST_RULES:
        yield f"      and {len(step['rules']) - MOST_RULES} more rules (--json)"


def _some(step: Mapping[str, Any], key: str) -> bool:
    return bool(step["counts_a"][key] or step["counts_b"][key])


def _two(a: float, b: float) -> str:
    change = f" ({(b - a) / a:+.1%})" if a else ""
    return f"{a:,} | {b:,}{change if a != b else ''}"


def _content(content: Mapping[str, Any]) -> Iterator[str]:
    name = content["a"] if content["a"] == content["b"] else f"{content['a']} | {content['b']}"
    yield f"{name}: {content['record']} rows {_two(*content['rows'])}, tokens {_two(*content['tokens'])}"
    by = [", ".join(told) for told in content["tokens_by"]]
    yield f"  tokens: {by[0] if by[0] == by[1] else f'{by[0]} | {by[1]}'}"
    for kind, what in (
        ("ids", "by id"),
        ("texts", "by tokens of a row" if content["record"] == "Sequence" else "by text"),
    ):
        held = content["overlap"][kind]
        if held["a"] or held["b"]:
            jaccard = "" if held["jaccard"] is None else f", Jaccard {held['jaccard']:.4f}"
            yield f"  overlap {what}: both {held['both']:,}, only a {held['only_a']:,}, only b {held['only_b']:,}{jaccard}"
    if content["overlap"]["same_id_other_text"]:
        yield f"  same id, other text: {content['overlap']['same_id_other_text']:,}"
    for key, pair in content.get("packing", {}).items():
        yield f"  {key.replace('_', ' ')}: {_two(*pair)}"
    for key, values in content["mix"].items():
        yield f"  tokens by {key.replace('_', ' ')}"
        for value in values:
            yield f"      {shown(value['value']):<28} {value['share_a']:7.2%} | {value['share_b']:7.2%}   {_two(value['tokens_a'], value['tokens_b'])}"
    for distribution in content["distributions"]:
        yield from _distribution(distribution)
    for side, rows in content["only_in"].items():
        if rows:
            yield f"  only in {side} (by id; a sample)"
            yield from (f"      {_sample(row)}" for row in rows)


def _distribution(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {told['name'].replace('_', ' ')}"
    keys = [key for key in (*told["a"], *told["b"]) if key != "count"]
    for side in "ab":
        held = told[side]
        values = "  ".join(f"{key} {held[key]:,.4g}" for key in dict.fromkeys(keys) if key in held)
        yield f"      {side}: {held['count']:,}  {values}"
    if "ks" not in told:
        return
    yield f"      Kolmogorov-Smirnov {told['ks']:.4f} (p {told['ks_p']:.3g}), at {told['ks_at']:,.4g}"
    if told["ks"] > 0:
        yield from _bars(told["histogram"], told["a"]["count"], told["b"]["count"])


def _bars(bins: Sequence[Mapping[str, Any]], a: int, b: int) -> Iterator[str]:
    top = max(max(each["a"] / a, each["b"] / b) for each in bins) or 1
    for each in (each for each in bins if each["a"] or each["b"]):
        bars = [
            f"{'█' * round(WIDTH * each[side] / total / top):<{WIDTH}} {each[side] / total:6.1%}"
            for side, total in (("a", a), ("b", b))
        ]
        yield f"      {each['from']:>10,.4g} to {each['to']:>10,.4g}  {bars[0]} | {bars[1]}"


def _sample(row: Mapping[str, Any]) -> str:
    text = shown(" ".join(str(row.get("text", "")).split())[:120])
    rest = ", ".join(f"{key} {shown(value)}" for key, value in row.items() if key not in ("id", "text"))
    return f"{shown(row.get('id', ''))}  {rest}" + (f"  {text}" if text else "")
