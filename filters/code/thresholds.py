"""Where thresholds differ by language; `languages` of the config is laid over this table.

Sources: StarCoder2 (arXiv 2402.19173), section 2, exempts markup and prose from the rules on long lines, and assembly from
the one on letters; data files are DeepSeek-Coder's (arXiv 2401.14196) and StarCoder2's; Python's smaller sizes and bound on
imports, and SQL's digits, are OpenCoder's (arXiv 2411.04905).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Table = dict[str, dict[str, dict[str, Any]]]  # language -> group -> setting -> value

_WIDE = {"line_length": {"max_mean": None, "max_width": None}}
_ASSEMBLY = {"characters": {"min_alphabetic": None}, "token_ratio": {"min_letters": None}}
_NESTED = {"characters": {"max_white": 0.8}}  # indented by nesting alone

DEFAULTS: Table = {
    **dict.fromkeys(("html", "markdown", "restructuredtext", "tex", "roff", "svg", "xslt"), _WIDE),
    "json": {**_WIDE, **_NESTED, "data_file": {"max_characters": 5000}},
    "yaml": {**_WIDE, **_NESTED, "data_file": {"max_characters": 5000}},
    "xml": {**_WIDE, **_NESTED},
    "text": {**_WIDE, "data_file": {"max_lines": 512}},
    "csv": {"data_file": {"max_lines": 512}},
    "tsv": {"data_file": {"max_lines": 512}},
    "graphviz (dot)": {"data_file": {"max_lines": 512}},
    "web ontology language": {"data_file": {"max_lines": 512}},
    "assembly": _ASSEMBLY,
    "unix assembly": _ASSEMBLY,
    "webassembly": _ASSEMBLY,
    "python": {"size": {"min_characters": 30}, "imports": {"max_imports": 0.5}},
    "sql": {"characters": {"max_digits": 0.3}},
}


def laid_over(overrides: Mapping[str, Any]) -> Table:
    """The defaults with `overrides` on top, setting by setting."""
    table = deepcopy(DEFAULTS)
    for language, groups in overrides.items():
        for group, settings in groups.items():
            table.setdefault(language, {}).setdefault(group, {}).update(settings)
    return table
