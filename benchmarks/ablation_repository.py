"""Does it help to have the files of a repository in one context, in the order of their imports?

    python benchmarks/ablation_repository.py --root DIR [--set KEY=VALUE …] [--only-arms]

Arms hold the same files of this Python's packages (`ablation_repository.yaml`), those of contexts of two files or more:

| arm | holds |
|---|---|
| `ordered` | contexts of concat-repo, what is imported first |
| `shuffled` | the same contexts, their files in another order (drawn by the context's id, never the same) |
| `alone` | each file as a document of its own, its path above it, as in a context |

Held out: contexts of packages that no arm holds, one in six by a hash of the name. Read `cross_file_bits` (a file after
those before it, in bits per byte), `cross_file_alone_bits` (the same file alone), `cross_file_gain`, and the plain loss.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ablation_steps as steps

SETTINGS: dict[str, Any] = {
    "size": "small", "tokens": 4_000_000, "seeds": 3, "tasks": ["cross_file"], "context": 1024,
    "items": 400, "document_tokens": 1024, "compile": True,
}  # fmt: skip
CONTEXT = ("metadata_columns=[files, programming_language]",)


def main() -> int:
    """Build, train, measure."""
    arguments = steps.parser(__doc__).parse_args()
    arms, held_out = build(arguments.root)
    steps.ablate(arguments, arms, held_out, **SETTINGS)
    return 0


def build(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Datasets of the arms, and of the held-out packages."""
    trained, held = steps.packages()
    steps.recipe("ablation_repository", root / "repo", f"files.distributions={json.dumps(trained)}")
    steps.recipe("ablation_repository", root / "held-repo", f"files.distributions={json.dumps(held)}")
    contexts = root / "repo" / "contexts"
    arms = {
        "ordered": steps.texts(ordered(contexts), root / "ordered", *CONTEXT),
        "shuffled": steps.texts(shuffled(contexts), root / "shuffled", *CONTEXT),
        "alone": steps.texts(alone(contexts), root / "alone", "metadata_columns=[programming_language]"),
    }
    return arms, {"packages": steps.texts(ordered(root / "held-repo" / "contexts"), root / "held-ordered", *CONTEXT)}


def contexts_of(path: Path) -> Iterator[tuple[dict[str, Any], str, list[tuple[str, str, str]]]]:
    """Contexts of two files or more: row, repository header, (path, header, text) of each file."""
    from arcmill.dataset import Dataset

    for batch in Dataset.open(str(path)).batches(["id", "text", "source", "repo", "metadata"]):
        for row in batch.to_pylist():
            metadata = dict(row["metadata"])
            told, raw = json.loads(metadata["files"]), row["text"].encode()
            if len(told) < 2:
                continue
            first = raw[: told[0]["start"]].decode()
            top, at = (first.split("\n", 1)[0] + "\n", 0) if first.count("\n") > 1 else ("", 0)
            pieces = []
            for piece in told:
                start, end = piece["start"], piece["start"] + piece["bytes"]
                header = raw[at:start].decode()
                pieces.append((piece["path"], header.removeprefix(top) if at == 0 else header, raw[start:end].decode()))
                at = end
            row["metadata"] = metadata
            yield row, top, pieces


def put_together(row: dict[str, Any], top: str, pieces: list[tuple[str, str, str]]) -> dict[str, Any]:
    """A context of these pieces, with the places of its files."""
    text, places = top, []
    for path, header, body in pieces:
        text += header if text.endswith("\n") or not text else "\n" + header.lstrip("\n")
        places.append({"path": path, "start": len(text.encode()), "bytes": len(body.encode())})
        text += body
    kept = {key: row[key] for key in ("id", "source", "repo")}
    return {
        **kept,
        "text": text,
        "files": json.dumps(places),
        "programming_language": row["metadata"].get("programming_language"),
    }


def ordered(path: Path) -> Iterator[dict[str, Any]]:
    """Contexts as they are."""
    for row, top, pieces in contexts_of(path):
        yield put_together(row, top, pieces)


def shuffled(path: Path) -> Iterator[dict[str, Any]]:
    """Contexts whose files come in an order of a hash; in reverse where that is their own order."""
    for row, top, pieces in contexts_of(path):
        drawn = sorted(pieces, key=lambda piece: hashlib.sha256((row["id"] + piece[0]).encode()).digest())
        yield put_together(row, top, drawn if drawn != pieces else pieces[::-1])


def alone(path: Path) -> Iterator[dict[str, Any]]:
    """Each file by itself."""
    for row, _, pieces in contexts_of(path):
        for number, (name, header, body) in enumerate(pieces):
            yield {
                "id": f"{row['id']}#{number}", "source": row["source"], "repo": row["repo"], "path": name,
                "text": header.lstrip("\n") + body, "programming_language": row["metadata"].get("programming_language"),
            }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
