"""The retail world of tau-bench (Yao et al. 2024, arXiv 2406.12045) over its published data, with tools of our own.

The data is not part of arcmill. It is a folder with orders.json, products.json, users.json and policy.md:

    environments: {retail: {factory: "agent_data.environments.retail:environment", with: {data: FOLDER}}}
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_data.environments.data import DataEnvironment
from arcmill.errors import UsageError

TABLES = ("orders", "products", "users")


def environment(data: str) -> DataEnvironment:
    """The world over a folder of data. UsageError where a file is missing or no JSON object."""
    import orjson

    from agent_data.environments.breaches import unconfirmed
    from agent_data.environments.retail.tools import FUNCTIONS

    folder, held, digest = Path(data), {}, sha256()
    for name in TABLES:
        try:
            text = (folder / f"{name}.json").read_bytes()
            held[name] = orjson.loads(text)
        except (OSError, ValueError) as error:
            raise UsageError(f"retail: {folder / name}.json cannot be read ({error})") from None
        if not isinstance(held[name], dict):
            raise UsageError(f"retail: {folder / name}.json is not an object of records by their ids")
        digest.update(sha256(text).digest())
    try:
        policy = (folder / "policy.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"retail: {folder / 'policy.md'} cannot be read ({error})") from None

    def load(seed: int) -> Any:
        return held

    changes = [function.__name__ for function in FUNCTIONS if getattr(function, "writes", False)]
    return DataEnvironment(
        load, FUNCTIONS, policy=policy, breaches=(unconfirmed(changes),), confirm=changes, seeded=False, records=TABLES,
        code=[Path(__file__).parent], data_digest=digest.hexdigest(),
    )  # fmt: skip
