"""Which language a text is in: fastText, told what to leave out, and held to the script of the letters.

fastText's lid.176 (Joulin et al. 2016, arXiv 1607.01759) reads a text as one bag of n-grams. Alone it is misled by
URLs, code and capitals, names languages that the script rules out, mistakes kanji for Chinese, and gives one answer
for a text in two languages. Here a text is read through a few windows; the letters of a window are told apart by
script; fastText chooses among the languages of each script; shares are weighed by how much the letters say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from filters.fasttext_model import FastTextModel
from filters.han_variants import han_evidence
from filters.scripts import SCRIPT_IDS, SCRIPTS, WEIGHTS, languages_of, script_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNDETERMINED", "Language", "LanguageIdentifier"]

UNDETERMINED = "und"  # ISO 639-2: a text without letters

WINDOW = 400  # characters that fastText is asked about at once
WHOLE = 1600  # characters up to which all of a text is read
STRATA = 8  # equal parts of a longer text; the middle of each is read
MINOR = 0.08  # a script with a smaller share of a window's weight is quotation, not language
CANDIDATES = 5  # labels that fastText is asked for at first

# A run of ASCII that holds a character of code, markup, a path or a number, or a dot or bracket within; words never do.
_NOT_WORDS = re.compile(
    r"(?<![!-~])(?:[A-Za-z!\"%'(),.:?-]*+[_{}=;<>\[\]/\\|$#@&*+~^`0-9]|[!-~]*?[A-Za-z)][.(][a-z)\"'])[!-~]*+"
)
_CODE_SHARE = 0.4  # share of a line's ASCII that is no words from which on its words are names and keywords
_NEWLINE, _FULL_STOP = 10, 46
_ENDS = np.array([ord(character) for character in "\n.!?。！？"], dtype=np.uint32)  # of sentences
_SENTENCE_ENDS = np.zeros(0x10000, dtype=np.int64)  # by code point; a full stop ends no sentence in Han or kana
_SENTENCE_ENDS[[code for code in _ENDS.tolist() if code != _FULL_STOP]] = 1
_MATRIX_SHARE = 0.3  # share of other letters from which on a sentence is not in Latin script
_RUN = re.compile(r"\A[!-~]+")
_CANTONESE = frozenset("嘅咗喺唔嘢啲冇哋佢嗰咁睇諗嚟")

_LATIN, _HANI, _KANA, _HANG = (SCRIPT_IDS[name] for name in ("Latn", "Hani", "Kana", "Hang"))
_KANA_SHARE = 0.1  # least share of kana among the letters of a Japanese sentence
_KANA_FREE = 12  # Han letters without kana from which on a sentence is not Japanese


class Language(NamedTuple):
    """The language with the largest share of a text, and that share times the model's certainty (0-1)."""

    code: str
    score: float


@dataclass(slots=True)
class _Piece:
    """Letters of one script group in one window, to be asked about."""

    row: int
    weight: float
    script: int
    text: str


class LanguageIdentifier:
    """Identifies languages by the batch. `model` is a fastText language model with ISO or `eng_Latn` labels."""

    def __init__(self, model: FastTextModel) -> None:
        self._model = model
        self._table = script_table()
        self._weights = np.array(WEIGHTS)
        labels = model.labels
        self._allowed = [languages_of(name, labels) for name in SCRIPTS]
        self._allowed[_KANA] = self._allowed[_HANI] = self._allowed[_KANA] | self._allowed[_HANI]
        by_iso = {language: [x for x in labels if x.partition("_")[0] in names] for language, names in _CJK.items()}
        self._chinese = next(iter(by_iso["zh"]), None)
        self._japanese = next(iter(by_iso["ja"]), None)
        self._cantonese = next(iter(by_iso["yue"]), None)

    def identify(self, texts: list[str]) -> list[Language]:
        """One Language a text. Lone surrogates count as no letters."""
        rows, windows = [], []
        for row, text in enumerate(texts):
            for window in _windows(text):
                rows.append(row)
                windows.append(_clean(window))
        pieces = self._pieces(rows, windows)
        shares: list[dict[str, float]] = [{} for _ in texts]
        totals = [0.0] * len(texts)
        for piece, candidates in zip(pieces, self._ask(pieces), strict=True):
            totals[piece.row] += piece.weight
            share = shares[piece.row]
            for label, probability in candidates.items():
                share[label] = share.get(label, 0.0) + piece.weight * probability
        found = []
        for share, total in zip(shares, totals, strict=True):
            if not share:
                found.append(Language(UNDETERMINED, 0.0))
                continue
            code = min(share, key=lambda label: (-share[label], label))
            found.append(Language(code, min(1.0, share[code] / total)))
        return found

    def _pieces(self, rows: list[int], windows: list[str]) -> list[_Piece]:
        counts = self._count(windows)
        weighed = counts * self._weights
        weighed[:, _HANI] += weighed[:, _KANA]  # one group; kana are told from Han within it
        weighed[:, _KANA] = 0.0
        korean = (weighed[:, _HANG] > 0) & (counts[:, _HANG] >= 2 * (counts[:, _HANI] + counts[:, _KANA]))
        weighed[korean, _HANG] += weighed[korean, _HANI]  # hanja within Korean
        weighed[korean, _HANI] = 0.0
        totals = weighed.sum(axis=1)
        best = weighed.argmax(axis=1)
        pieces = []
        for number, (row, window) in enumerate(zip(rows, windows, strict=True)):
            total = totals[number]
            if total <= 0:
                continue
            top = int(best[number])
            if weighed[number, top] > (1 - MINOR) * total:
                pieces.append(_Piece(row, float(weighed[number, top]), top, window))
                continue
            pieces.extend(self._split(row, window, korean=bool(korean[number])))
        return pieces

    def _split(self, row: int, window: str, korean: bool) -> list[_Piece]:
        """The pieces of a window in several scripts.

        Latin words inside a sentence of another script are terms and commands, not a second language: they say
        nothing. Latin sentences between others count.
        """
        codes = np.frombuffer(window.encode("utf-32-le", "replace"), dtype=np.uint32)
        scripts = self._table[codes]
        ends = np.isin(codes, _ENDS)
        ends[:-1] &= (codes[:-1] != _FULL_STOP) | (codes[1:] == 32)  # not the dot within a number or a name
        sentences: NDArray[np.int64] = np.cumsum(ends) - ends
        number = int(sentences[-1]) + 1
        counts = np.bincount(sentences * len(SCRIPTS) + scripts, minlength=number * len(SCRIPTS))
        weighed = counts.reshape(number, len(SCRIPTS)) * self._weights
        foreign = weighed[:, _LATIN] < weighed.sum(axis=1) * (1 - _MATRIX_SHARE)
        weighed[foreign, _LATIN] = 0.0
        groups = [[script] for script in range(len(SCRIPTS)) if script not in (_HANI, _KANA, _HANG)]
        groups += [[_HANG, _HANI, _KANA]] if korean else [[_HANG], [_HANI, _KANA]]
        total = weighed.sum()
        pieces = []
        for group in groups:
            weight = float(weighed[:, group].sum())
            if weight < MINOR * total or not weight:
                continue
            own = np.isin(scripts, [0, *group])
            if group[0] == _LATIN:
                own &= ~foreign[sentences]
            text = np.where(own, codes, np.where(codes == _NEWLINE, _NEWLINE, 32)).astype(np.uint32).tobytes()
            pieces.append(_Piece(row, weight, group[0], text.decode("utf-32-le")))
        return pieces

    def _count(self, windows: list[str]) -> NDArray[np.float64]:
        """Letters of each script in each window."""
        size = len(SCRIPTS)
        if not windows:
            return np.zeros((0, size))
        encoded = [window.encode("utf-32-le", "replace") for window in windows]
        codes = np.frombuffer(b"".join(encoded), dtype=np.uint32)
        numbers = np.repeat(np.arange(len(windows), dtype=np.int64), [len(data) // 4 for data in encoded])
        counted = np.bincount(numbers * size + self._table[codes], minlength=len(windows) * size)
        return counted.reshape(len(windows), size).astype(np.float64)

    def _ask(self, pieces: list[_Piece]) -> list[dict[str, float]]:
        """The probabilities of the languages that each piece's script allows; they sum to 1 at most."""
        answers: list[dict[str, float] | None] = []
        asked: list[int] = []
        for number, piece in enumerate(pieces):
            allowed = self._allowed[piece.script]
            if len(allowed) == 1:
                answers.append(dict.fromkeys(allowed, 1.0))
            else:
                answers.append(None)
                asked.append(number)
        predicted = self._model.predict([_lower(pieces[number].text) for number in asked], CANDIDATES)
        again = []
        for number, candidates in zip(asked, predicted, strict=True):
            answers[number] = _among(candidates, self._allowed[pieces[number].script])
            if not answers[number]:
                again.append(number)
        for number in again:
            (candidates,) = self._model.predict([_lower(pieces[number].text)], -1)
            answers[number] = _among(candidates, self._allowed[pieces[number].script])
        for number, piece in enumerate(pieces):
            if piece.script == _HANI:
                answers[number] = self._east_asian(piece.text, answers[number] or {})
        return [answer or {} for answer in answers]

    def _east_asian(self, text: str, candidates: dict[str, float]) -> dict[str, float]:
        """Kana and Han, sentence by sentence: kana make Japanese; a long sentence without any is not Japanese."""
        chinese, japanese = self._chinese, self._japanese
        if chinese is None or japanese is None:
            return candidates
        if self._cantonese in candidates and not _CANTONESE.intersection(text):
            candidates[chinese] = candidates.get(chinese, 0.0) + candidates.pop(self._cantonese)
        codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
        scripts = self._table[codes]
        sentences = np.cumsum(_SENTENCE_ENDS[np.minimum(codes, 0xFFFF)])
        kana = np.bincount(sentences, weights=scripts == _KANA)
        han = np.bincount(sentences, weights=scripts == _HANI)
        weight = kana * WEIGHTS[_KANA] + han * WEIGHTS[_HANI]
        with_kana = (kana > 0) & (kana >= _KANA_SHARE * (kana + han))
        without = ~with_kana & (han >= _KANA_FREE)
        surely = {japanese: float(weight[with_kana].sum()), chinese: float(weight[without].sum())}
        known = surely[chinese] + surely[japanese]
        open_letters = float(weight.sum()) - known
        if open_letters > known:  # titles and names: by the characters, else as fastText says
            only_chinese, only_japanese = han_evidence(text)
            if only_chinese != only_japanese:
                known = surely[chinese] = surely[japanese] = 0.0
                surely[chinese if only_chinese > only_japanese else japanese] = known = 1.0
            elif not known:
                return candidates
        result = {japanese: surely[japanese] / known}
        rest = surely[chinese] / known
        sinitic = {label: p for label, p in candidates.items() if label != japanese}
        mass = sum(sinitic.values())
        for label, p in (sinitic if mass > 0 else {chinese: 1.0}).items():
            result[label] = rest * p / (mass or 1.0)
        return {label: p for label, p in result.items() if p > 0}


_CJK = {"zh": ("zh", "zho", "cmn"), "ja": ("ja", "jpn"), "yue": ("yue",)}


def _windows(text: str) -> list[str]:
    """All of a text up to WHOLE characters, in even pieces; of a longer one as much, from the middles of its STRATA."""
    size = len(text)
    if size <= WINDOW * 3 // 2:
        return [text]
    if size <= WHOLE:
        number = -(-size // WINDOW)
        length = -(-size // number)
        starts = list(range(0, size, length))
    else:
        length = WHOLE // STRATA
        starts = [(size * (2 * i + 1) // STRATA - length) // 2 for i in range(STRATA)]
    return [_from_a_word(text, start, start + length) for start in starts]


def _from_a_word(text: str, start: int, end: int) -> str:
    """text[start:end] without the rest of a word or an address that began before."""
    window = text[start:end]
    if start == 0 or not "!" <= text[start - 1] <= "~":
        return window
    rest = _RUN.sub("", window, count=1)
    return rest if len(rest) * 2 > len(window) else window


def _clean(window: str) -> str:
    """Without code, markup, addresses and numbers, unless nothing else is there; newlines stay sentence ends."""
    words, found = _NOT_WORDS.subn(" ", window)
    if not found:
        return window
    if found > 2 and "\n" in window:
        lines = "\n".join(line for line in window.split("\n") if not _is_code(line))
        words = _NOT_WORDS.sub(" ", lines) if any(map(str.isalpha, lines)) else words
    return words if any(map(str.isalpha, words)) else window


def _is_code(line: str) -> bool:
    """Whether so much of a line is code that its words are names and keywords; letters beyond ASCII make it prose."""
    if not line.isascii():
        return False
    size = len(line) - line.count(" ")
    words = _NOT_WORDS.sub("", line)
    return size - (len(words) - words.count(" ")) > _CODE_SHARE * size


def _lower(text: str) -> str:
    """One line; text that is mostly capitals in lower case: the model knows hardly any words in capitals."""
    text = " ".join(text.split())
    sample = text[:: len(text) // 64 or 1]
    return text.lower() if sum(map(str.isupper, sample)) * 2 > sum(map(str.isalpha, sample)) else text


def _among(candidates: list[tuple[str, float]], allowed: frozenset[str]) -> dict[str, float]:
    """Only the allowed labels; the probability of the others is shared out."""
    kept = {label: p for label, p in candidates if label in allowed}
    excluded = sum(p for label, p in candidates if label not in allowed)
    if not kept or excluded >= 0.999:
        return {}
    return {label: p / max(1.0 - excluded, sum(kept.values())) for label, p in kept.items()}
