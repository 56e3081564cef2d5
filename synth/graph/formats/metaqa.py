"""MetaQA: ids in train/dev/test.tsv with entity2text.txt and relation2text.txt, and rows of questions with their triples.

Zhang et al. 2018, "Variational Reasoning for Question Answering with Knowledge Graph"; the copy with ids is the one that
KE-ALL and alike distribute. Its first form, kb.txt, is `formats.triples` with `|`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import orjson

from arcmill.stage import Failure, SourceFile
from synth.graph.facts import AUTO, Fact, Read, dropped, errored
from synth.graph.formats import triples
from synth.graph.formats.lines import text_lines
from synth.graph.formats.reader import Folder, Reader, base, folder_of, skipped

NAMES, RELATIONS = "entity2text.txt", "relation2text.txt"
_INVERSE = " [inverse]"


class _Layout:
    """The tables of one folder, read once. Relations are called by their text, with _ for spaces: `directed_by`."""

    def __init__(self, files: Folder, limit: int) -> None:
        self.files, self.limit = files, limit

    @cached_property
    def relations(self) -> dict[str, str]:
        return {key: text.strip().replace(" ", "_") for key, text in self._pairs(RELATIONS)}

    @cached_property
    def ids(self) -> dict[str, str]:
        """Name -> id, where the two belong to one another alone: one copy has an id of two names."""
        pairs = list(self._pairs(NAMES))
        keys, names = Counter(key for key, _ in pairs), Counter(text for _, text in pairs)
        return {text: key for key, text in pairs if keys[key] == names[text] == 1}

    def _pairs(self, name: str) -> Iterator[tuple[str, str]]:
        for line in text_lines(self.files[name], self.limit) if name in self.files else ():
            if not isinstance(line, Failure) and line[1].count("\t") == 1:
                key, _, text = line[1].rstrip("\r").partition("\t")
                yield key, text

    def named(self, file: SourceFile) -> Iterator[Read]:
        """Names of entities, or of relations, as facts about them."""
        of_relations = base(file) == RELATIONS
        for line in text_lines(file, self.limit):
            if isinstance(line, Failure):
                yield line
                continue
            number, text = line
            key, tab, label = text.rstrip("\r").partition("\t")
            if not tab or "\t" in label:
                yield errored("not-a-name", f"{file.name}:{number}", "an id and a name are needed, parted by a tab")
                continue
            subject = self.relations.get(key, key) if of_relations else key
            yield Fact(subject, "label", label, "text", "en", number)

    def triples(self, file: SourceFile) -> Iterator[Read]:
        return triples.read(file, self.limit, relations=self.relations)

    def questions(self, file: SourceFile) -> Iterator[Read]:
        """Rows {"question": …, "triples": [{"h": name, "r": relation, "t": name}]}; `r [inverse]` is read backwards."""
        for line in text_lines(file, self.limit):
            if isinstance(line, Failure):
                yield line
                continue
            number, text = line
            where = f"{file.name}:{number}"
            try:
                row = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                yield errored("bad-json", where, str(error))
                continue
            listed = row.get("triples") if isinstance(row, dict) else None
            if not isinstance(listed, list):
                yield dropped("no-triples", where, "a row without `triples`")
                continue
            for triple in listed:
                values = (
                    [told for key in "hrt" if isinstance(told := triple.get(key), str)]
                    if isinstance(triple, dict)
                    else []
                )
                if len(values) != 3:
                    yield errored("not-a-triple", where, "an object with the texts h, r and t is needed")
                    continue
                subject, relation, value = values
                if relation.endswith(_INVERSE):
                    subject, relation, value = value, relation.removesuffix(_INVERSE), subject
                yield Fact(self.ids.get(subject, subject), relation, self.ids.get(value, value), AUTO, None, number)


def claim(files: Sequence[SourceFile], limit: int) -> dict[str, Reader]:
    """Readers of the files (by name) that lie in or below a folder with entity2text.txt."""
    found: dict[str, Reader] = {}
    for root in sorted({folder_of(file) for file in files if base(file) == NAMES}):
        below = {file.path[len(root) :].lstrip("/"): file for file in files if folder_of(file) == root or file.path.startswith(f"{root}/")}  # fmt: skip
        layout = _Layout(below, limit)
        for path, file in below.items():
            if path in (NAMES, RELATIONS):
                found[file.name] = layout.named
            elif path.endswith(".tsv") and "/" not in path:
                found[file.name] = layout.triples
            elif path.endswith((".json", ".jsonl")) and "/" in path:
                found[file.name] = layout.questions
            elif "/" not in path or path.partition("/")[0].endswith("-hop"):
                found[file.name] = partial(skipped, why="questions and notes of MetaQA are no triples")
    return found
