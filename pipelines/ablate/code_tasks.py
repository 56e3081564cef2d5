"""What fill-in-the-middle and repository order are for: the middle of a file, and a file after those it rests on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from arcmill.syntax import LANGUAGE_KEY
from pipelines.ablate.config import Ablate
from pipelines.ablate.heldout import Held, Kept
from pipelines.ablate.spans import Items, Measure
from pipelines.ablate.stream import Array
from pipelines.ablate.vocabulary import Vocabulary

PER_DOCUMENT = 4
MIDDLE_BYTES = 24  # longest middle
_SEED = 2_207
FILES = "files"  # metadata of a context: where its pieces are


def add_infill(
    items: Items, kept: Sequence[Kept], vocabulary: Vocabulary, config: Ablate, metric: str = "infill"
) -> None:
    """Ask for a middle of source code, given what stands before and after it (PSM, SPM), or before it alone.

    `infill`: the rest of a line, from a word's end on. `infill_span`: a piece inside a line, from a word's end to
    another's, of which what follows tells more. Nothing is asked where the tokenizer lacks the sentinels.
    """
    if vocabulary.fim is None:
        return
    eos, prefix, suffix, middle = (np.array([number], np.int32) for number in (vocabulary.eos, *vocabulary.fim))
    asked: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for number, each in enumerate(kept):
        if LANGUAGE_KEY in each.held.metadata:
            chance = np.random.default_rng([_SEED, number])
            found = _MIDDLES[metric](each.text)
            for place in sorted(chance.permutation(len(found))[:PER_DOCUMENT]):
                start, end = found[place]
                asked[each.held.set].append((each.held.id, each.text[:start], each.text[start:end], each.text[end:]))
    for name, questions in asked.items():
        order = np.random.default_rng([_SEED, len(questions)]).permutation(len(questions))[: config.items]
        for number in sorted(order):
            document, *texts = questions[number]
            before, wanted, after = vocabulary.encode([texts[0] or "\n", texts[1], texts[2] or "\n"])
            room = config.window - len(wanted) - 4
            if room < 16:
                continue
            behind = after[: room // 3]
            ahead = before[-(room - len(behind)) :]
            psm = [prefix, ahead, suffix, behind, middle]
            spm = [prefix, suffix, behind, middle, ahead] if config.joined else [suffix, behind, prefix, ahead, middle]
            spans = {}
            for mode, parts in {"": psm, "spm_": spm, "prefix_": [ahead]}.items():
                given = np.concatenate([eos, *parts])
                spans[mode] = items.span(np.concatenate([given, wanted]), len(given))
            size = float(len(texts[1].encode()))
            for mode, span in spans.items():
                items.measures += [
                    Measure(name, f"{metric}_{mode}exact", document, "exact", (span,), 1.0),
                    Measure(name, f"{metric}_{mode}bits", document, "bits", (span,), size),
                ]
            saved = (spans["prefix_"], spans["spm_"])
            items.measures.append(Measure(name, f"{metric}_gain", document, "gain", saved, size))


def _line_ends(text: str) -> list[tuple[int, int]]:
    """Ends of lines, from the end of a word on: short enough to be hit, and with something to hit."""
    found = []
    at = 0
    for line in text.splitlines(keepends=True):
        body = line.rstrip()
        indent = len(body) - len(body.lstrip())
        for place in range(len(body) - 1, indent, -1):
            rest = body[place:]
            if len(rest.encode()) > MIDDLE_BYTES:
                break
            if len(rest.strip()) >= 4 and body[place - 1].isalnum() and not rest[0].isalnum() and rest[0] != "_":
                found.append((at + place, at + len(body)))
        at += len(line)
    return found


def _inside_lines(text: str) -> list[tuple[int, int]]:
    """Pieces inside lines, from the end of a word to the end of a later one, with more of the line behind them."""
    found = []
    at = 0
    for line in text.splitlines(keepends=True):
        body = line.rstrip()
        ends = [place for place in range(1, len(body)) if _in_word(body[place - 1]) and not _in_word(body[place])]
        for number, start in enumerate(ends):
            end = next((end for end in ends[number + 1 :] if len(body[start:end].strip()) >= 4), None)
            if end is not None and len(body[start:end].encode()) <= MIDDLE_BYTES:
                found.append((at + start, at + end))
        at += len(line)
    return found


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_MIDDLES = {"infill": _line_ends, "infill_span": _inside_lines}


def add_cross_file(items: Items, found: Sequence[Held], vocabulary: Vocabulary, config: Ablate) -> None:
    """Measure a file of a repository given those before it, given them shuffled, and alone.

    Of contexts as concat-repo makes them, whose metadata says where each file is. The start of the file is measured; of
    what stands before, the end that fits into the context of the decoder is given.
    """
    counts: dict[str, int] = defaultdict(int)
    for number, held in enumerate(found):
        pieces = _pieces(held)
        chance = np.random.default_rng([_SEED, 7, number])
        for place in sorted(chance.permutation(max(0, len(pieces) - 1))[:PER_DOCUMENT] + 1):
            if counts[held.set] >= config.items:
                break
            header, text = pieces[place]
            start = text[: config.window * 2]
            target = vocabulary.encode([start])[0][: config.window // 2] if start.strip() else np.zeros(0, np.int32)
            if len(target) < 16:
                continue
            size = len(vocabulary.decode([target.tolist()])[0].encode())
            before = [head + body for head, body in pieces[:place]]
            shuffled = [before[other] for other in chance.permutation(len(before))]
            ordered = _given("".join(before) + header, len(target), vocabulary, config)
            other = _given("".join(shuffled) + header, len(target), vocabulary, config)
            alone = _given(header, len(target), vocabulary, config)
            first, second, third = (
                items.span(np.concatenate([given, target]), len(given)) for given in (ordered, other, alone)
            )
            measures: list[tuple[str, str, tuple[int, ...]]] = [
                ("cross_file_bits", "bits", (first,)), ("cross_file_shuffled_bits", "bits", (second,)),
                ("cross_file_alone_bits", "bits", (third,)), ("cross_file_gain", "gain", (third, first)),
            ]  # fmt: skip
            items.measures += [
                Measure(held.set, metric, held.repo or held.id, kind, spans, float(size))
                for metric, kind, spans in measures
            ]
            counts[held.set] += 1


def _given(text: str, target: int, vocabulary: Vocabulary, config: Ablate) -> Array:
    """The end of a text that fits before the target."""
    room = config.window - target
    ids = vocabulary.encode([text[-room * 12 :]])[0] if text.strip() else np.zeros(0, np.int32)
    return ids[-room:] if len(ids) > room else np.concatenate([[vocabulary.eos], ids])


def _pieces(held: Held) -> list[tuple[str, str]]:
    """(header, text) of each file of a context, in order; nothing for a document that is none."""
    if FILES not in held.metadata:
        return []
    try:
        told: list[dict[str, Any]] = json.loads(held.metadata[FILES])
        raw = held.text.encode()
        found, at = [], 0
        for piece in told:
            start, end = int(piece["start"]), int(piece["start"]) + int(piece["bytes"])
            if end > len(raw):
                break
            found.append((raw[at:start].decode("utf-8", "replace"), raw[start:end].decode("utf-8", "replace")))
            at = end
    except (ValueError, KeyError, TypeError):
        return []
    return found
