"""Does it help to have the files of a repository in one context, in the order of their imports?

    python benchmarks/ablation_repository.py --root DIR [--set KEY=VALUE …] [--only-arms] [--development]

Arms hold the same files of this Python's packages (`ablation_repository.yaml`): short ones, so that a decoder of 1,024
tokens sees a context as a whole, and of contexts those alone in which a file imports one that stands before it:

| arm | holds |
|---|---|
| `ordered` | contexts of concat-repo, what is imported first |
| `shuffled` | the same contexts, their files in another order (drawn by the context's id, never the same) |
| `alone` | each file as a document of its own, its path above it, as in a context |

Held out: such contexts of packages that no arm holds, one in four by a hash of the name, at most `CONTEXTS` of each. With
`--development` those of a third of these packages, by which settings are chosen; without it the others. Read
`cross_file_bits` (a file after those before it, in bits per byte), `cross_file_shuffled_bits`, `cross_file_alone_bits`
(the same file alone), `cross_file_gain`, and the plain loss.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import ablation_steps as steps

from arcmill.syntax import LANGUAGE_KEY
from sequences.repository.extract import facts
from sequences.repository.graph import build as import_graph
from sequences.repository.languages import File

SETTINGS: dict[str, Any] = {
    "size": "small", "tokens": 1_200_000, "seeds": 3, "tasks": ["cross_file"], "context": 1024,
    "items": 200, "heldout_tokens": 100_000, "document_tokens": 1024, "compile": True,
}  # fmt: skip
CONTEXTS = 8  # of one held-out package, at most
CONTEXT = ("metadata_columns=[files, programming_language]",)


def main() -> int:
    """Build, train, measure."""
    parser = steps.parser(__doc__)
    parser.add_argument("--development", action="store_true", help="the held-out packages for choosing settings")
    arguments = parser.parse_args()
    arms, held_out = build(arguments.root, arguments.development)
    steps.ablate(arguments, arms, held_out, **SETTINGS)
    return 0


def build(root: Path, development: bool) -> tuple[dict[str, Path], dict[str, Path]]:
    """Datasets of the arms, and of the held-out packages."""
    trained, held, chosen_by = steps.packages()
    of = {"repo": trained, "held-repo": held, "development-repo": chosen_by}
    for name in ("repo", "development-repo" if development else "held-repo"):
        steps.recipe("ablation_repository", root / name, f"files.distributions={json.dumps(of[name])}")
    contexts = root / "repo" / "contexts"
    arms = {
        "ordered": steps.texts(ordered(contexts), root / "ordered", *CONTEXT),
        "shuffled": steps.texts(shuffled(contexts), root / "shuffled", *CONTEXT),
        "alone": steps.texts(alone(contexts), root / "alone", "metadata_columns=[programming_language]"),
    }
    half = "development" if development else "held"
    found = few(ordered(root / f"{half}-repo" / "contexts"), CONTEXTS)
    return arms, {"packages": steps.texts(found, root / f"{half}-ordered", *CONTEXT)}


def few(rows: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """At most so many contexts of a repository, drawn by their ids, so that no large one decides the result."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["repo"]].append(row)
    drawn = [sorted(each, key=lambda row: hashlib.sha256(row["id"].encode()).digest()) for each in found.values()]
    return [row for each in drawn for row in each[:most]]


def contexts_of(path: Path) -> Iterator[tuple[dict[str, Any], str, list[tuple[str, str, str]]]]:
    """Contexts in which a file imports one before it: row, repository header, (path, header, text) of each file."""
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
            if related([(name, text) for name, _, text in pieces], row["repo"], metadata.get(LANGUAGE_KEY)):
                yield row, top, pieces


def related(files: list[tuple[str, str]], repo: str, language: str | None) -> bool:
    """Whether a file of these (path, text) imports one before it."""
    known = [File(path, found.family, found.imports, found.declares) for path, found in (
        (path, facts(path, language, text, len(text) * 4)) for path, text in files
    )]  # fmt: skip
    places = sorted(range(len(files)), key=lambda place: files[place][0])
    graph = import_graph([known[place] for place in places], repo, tests=False)
    return any(places[target] < places[node] for node in range(len(places)) for target in graph.imported(node))


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
