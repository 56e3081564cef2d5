"""The YAML that heads a card: what the Hub and `datasets` read. Its keys and values: https://huggingface.co/docs/hub/datasets-cards"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.cards.facts import CardFacts

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T")  # fmt: skip
# The Hub's names of licences that are SPDX's in lower case.
_AS_IN_SPDX = frozenset(
    "apache-2.0 mit bsd-2-clause bsd-3-clause bsd-3-clause-clear mpl-2.0 epl-1.0 epl-2.0 eupl-1.1 isc ncsa afl-3.0 artistic-2.0 bsl-1.0 "
    "cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-4.0 "
    "cc-by-nc-sa-4.0 unlicense wtfpl zlib ofl-1.1 ecl-2.0 lppl-1.3c ms-pl osl-3.0 postgresql".split()
)
_OTHERWISE = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl", "python-2.0": None}
_GNU = re.compile(r"(agpl-3\.0|gpl-[23]\.0|lgpl-(?:2\.1|3\.0))(?:-only|-or-later)?")
_CODE = re.compile(r"[a-z]{2,3}")
_COMMON = 0.001  # share of the rows from which a language is named


def front_matter(facts: CardFacts) -> dict[str, Any]:
    """The keys in their order. Nothing is claimed that no row says."""
    dataset = facts.dataset
    front: dict[str, Any] = {"pretty_name": facts.name, **licence(facts.values.get("license", {}))}
    named = languages(facts.values.get("language", {}))
    if named:
        front["language"] = named
    front["task_categories"] = ["text-generation"]
    front["size_categories"] = [size(dataset.rows)]
    use = {"export-sft": "sft", "export-rl": "reinforcement-learning"}.get(str(dataset.manifest["stage"]))
    front["tags"] = ["arcmill", *([use] if use else []), *(["pretokenized"] if dataset.record == "Sequence" else [])]
    if dataset.parts:
        split = {"split": "train", "path": "part-*.parquet"}  # the folder holds the ledger's Parquet too
        front["configs"] = [{"config_name": "default", "data_files": [split]}]
    return front


def size(rows: int) -> str:
    """The Hub's class of a number of rows."""
    limit = 1000
    for name in _SIZES:
        if rows < limit:
            return name
        limit *= 10
    return "n>1T"


def languages(counted: Mapping[str, int]) -> list[str]:
    """ISO 639 codes of the languages that a thousandth of the rows or more are in, the commonest first."""
    rows = sum(counted.values())
    codes = [code for code, number in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
             if _CODE.fullmatch(code) and number >= _COMMON * rows]  # fmt: skip
    return codes


def licence(counted: Mapping[str, int]) -> dict[str, Any]:
    """`license`: the Hub's names where every row states one that it knows; `other` where not; `unknown` where none is stated."""
    stated = {text for text in counted if text}
    if not stated:
        return {"license": "unknown"}
    names = {hub_name(text) for text in stated}
    if "" in counted or None in names:
        return {"license": "other", "license_name": "see-the-section-licences"}
    held = sorted(name for name in names if name)
    return {"license": held[0] if len(held) == 1 else held}


def hub_name(spdx: str) -> str | None:
    """The Hub's name of a licence that SPDX names; None where it has none, and for expressions."""
    low = spdx.strip().lower()
    if low in _AS_IN_SPDX:
        return low
    gnu = _GNU.fullmatch(low)
    return gnu[1] if gnu else _OTHERWISE.get(low)
