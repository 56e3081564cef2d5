"""For which tokenizers texts may be cut into chunks, and where: a tokenizer.json to its plan.

A plan is only made where it is certain that every chunk has the tokens that its text has in the whole. There are two
reasons why that can be. Either the pre-tokenizer cuts at these places whatever stands around them: that is known of the
patterns below, which were read one by one (none looks back; a space is either the first
character of a word or among white space; so is a line feed, or it closes a word that ends there). Or there is no
pre-tokenizer, as in Llama 2 and Gemma, and the merges show that none reaches over the place (`chunk_merges`). Tests
hold both to the library's own tokens. Any other tokenizer has no plan, and is left to the library.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from sequences.chunk_merges import METASPACE, chunk_pattern
from sequences.tokenizer_spec import Spec
from sequences.tokenizer_spec import steps as steps_of

# As cl100k, Llama 3 and GLM-4.5: contractions, letters with one leading mark, up to three digits, marks, white space.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLIT_ONE = SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")  # as Qwen: each digit on its own
# As GPT-2 (Radford et al. 2019, section 2.2); the byte-level step of the library has it built in, too.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# As o200k: words end where capitals begin, contractions belong to the word, slashes to the marks before them.
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LEAD = r"[^\r\n\p{L}\p{N}]?"
O200K = (
    rf"{_LEAD}{_UPPER}*{_LOWER}+{_SHORT}|{_LEAD}{_UPPER}+{_LOWER}*{_SHORT}|\p{{N}}{{1,3}}|{_REST}"
)  # fmt: skip
TEKKEN = rf"{_LEAD}{_UPPER}*{_LOWER}+|{_LEAD}{_UPPER}+{_LOWER}*|\p{{N}}|{_REST}"  # as Mistral's tekken
# As DeepSeek V3, in three steps: digits, Chinese and Japanese, all else.
_DEEPSEEK = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
)
_SPELLED = SPLIT.replace(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
    "('s|'S|'t|'T|'re|'rE|'Re|'RE|'ve|'vE|'Ve|'VE|'m|'M|'ll|'lL|'Ll|'LL|'d|'D)",
)  # cl100k for engines without (?i:)

# Python's white space holds that of the library, and four more (U+001C to U+001F): what must be white space for both
# is spelled out.
_WHITE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_NO_WORD = r"A-Za-z\u0080-\U0010ffff"
LETTERS = re.compile(
    rf" ?[A-Za-z]+(?![{_NO_WORD}])"
    r"|\s*\n(?=\S)"
    r"|\s*\S+(?:[^\S ]\s*(?<!\n)\S+)*(?:[^\S ]\s*)?"
    r"|\s+"
)
_CASED = re.compile(
    rf" ?[A-Za-z]+(?![{_NO_WORD}'])"
    r"|\s*\n(?=[^\s/])"
    r"|\s*\S+(?:[^\S ]\s*(?:(?<!\n)|(?=/))\S+)*(?:[^\S ]\s*)?"
    r"|\s+"
)
_GPT2 = re.compile(
    rf" ?[A-Za-z]+(?![{_NO_WORD}])"
    rf"|\n(?=[^{_WHITE}])"
    rf"|[{_WHITE}]*[^{_WHITE}]+"
    rf"|[{_WHITE}]+"
)
# What ASCII is to the patterns: marks, the same without control characters, and what stands for all else.
_MARK = r"!-/:-@\[-`{-~\x00-\x08\x0e-\x1f\x7f"
_SIGN = r"!-/:-@\[-`{-~"
_OTHER = r"\x80-\U0010ffff"
_CONTRACTED = "(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
_THREE = rf"[0-9]{{3}}|[0-9]{{1,2}}(?![0-9{_OTHER}])"
_LINES = r"[\t-\r ]*[\r\n](?=[\t ]*[!-~])"


def _words(fallback: re.Pattern[str], *words: str) -> re.Pattern[str]:
    """The words of a pattern themselves where all around is ASCII, else the chunks of `fallback`.

    A match begins where a word does, so the first alternative of the pattern that matches there is the word: each of
    `words` is one of them, with what must follow for it to be sure.
    """
    return re.compile("|".join([*words, fallback.pattern]))


def _marks(more: str) -> tuple[str, ...]:
    """Marks with line feeds (and `more`) behind them; one mark before a letter belongs to that."""
    return (
        rf" [{_MARK}]++[\r\n{more}]*+(?![{_OTHER}])",
        rf"[{_MARK}][{_MARK}]++[\r\n{more}]*+(?![{_OTHER}])",
        rf"[{_MARK}](?![A-Za-z{_MARK}{_OTHER}])[\r\n{more}]*+(?![{_OTHER}])",
    )


_WHITES = (_LINES, r"[\t ]+(?=[\t ][!-~])", " (?=[0-9])", rf"\t(?=[0-9{_MARK}])")


def _split_words(digits: str) -> re.Pattern[str]:
    return _words(
        LETTERS, rf" ?[A-Za-z]++(?![{_OTHER}])", f"'{_CONTRACTED}", rf"[{_MARK}\t\x0b\x0c][A-Za-z]++(?![{_OTHER}])", digits,
        *_marks(""), *_WHITES,
    )  # fmt: skip


def _cased_words(digits: str, end: str) -> re.Pattern[str]:
    return _words(
        _CASED, rf"[ {_MARK}\t\x0b\x0c]?(?:[A-Z]*+[a-z]++|[A-Z]++(?![a-z])){end}", digits, *_marks("/"), *_WHITES
    )


_WORDS = {
    SPLIT: _split_words(_THREE),
    SPLIT_ONE: _split_words("[0-9]"),
    _SPELLED: _split_words(_THREE),
    O200K: _cased_words(_THREE, rf"(?:'{_CONTRACTED}|(?!'?[{_OTHER}]))"),
    TEKKEN: _cased_words("[0-9]", rf"(?![{_OTHER}])"),
}


def _gpt2_words(digits: bool) -> re.Pattern[str]:
    """`digits`: each is a word before the pattern is asked, and so white space before one stays whole."""
    letters = (rf" ?[A-Za-z]++(?![{_OTHER}])", "'(?:[stmd]|re|ve|ll)")
    marks = rf" ?[{_MARK}]++(?![{_OTHER}])"
    if digits:
        return _words(
            _GPT2, *letters, "[0-9]", marks, r"[\t-\r ]++(?=[0-9])", r"[\t-\r](?=[!-~])", r"[\t-\r ]+(?=[\t-\r ][!-~])"
        )
    return _words(
        _GPT2, *letters, rf" ?[0-9]++(?![{_OTHER}])", marks, r"[\t-\r](?=[!-~])", r"[\t-\r ]+(?=[\t-\r ][!-~])"
    )  # fmt: skip


_GPT2_WORDS = {False: _gpt2_words(False), True: _gpt2_words(True)}
_WORDS[GPT2] = _GPT2_WORDS[False]
_DEEPSEEK_WORDS = _words(
    LETTERS, rf" ?[A-Za-z]++(?![{_OTHER}])", rf"[{_MARK}\t\x0b\x0c][A-Za-z]++(?![{_OTHER}])", _THREE,
    rf" [{_SIGN}]++[\r\n]*+(?![{_OTHER}])", rf"[{_SIGN}][{_SIGN}]++[\r\n]*+(?![{_OTHER}])",
    rf"[{_SIGN}](?![A-Za-z{_SIGN}{_OTHER}])[\r\n]*+(?![{_OTHER}])", _LINES, r"[\t ]++(?=[0-9])", r"[\t ]+(?=[\t ][!-~])",
    rf"\t(?=[{_SIGN}])",
)  # fmt: skip
_PATTERNS = {GPT2: _GPT2, SPLIT: LETTERS, SPLIT_ONE: LETTERS, _SPELLED: LETTERS, O200K: _CASED, TEKKEN: _CASED}


# Where a line feed that no white space follows closes a word, whatever comes.
_AT_LINES = (LETTERS, _WORDS[SPLIT], _WORDS[SPLIT_ONE], _DEEPSEEK_WORDS)


class Plan(NamedTuple):
    """Where texts are cut, and the tokenizer.json that the chunks are for.

    The caller does what `spec` no longer does: `prefix` ("always", or "unless" the text begins with a space) is a space
    put before a text, and `nfc` the normal form of a text.
    """

    cut: re.Pattern[str]
    spec: Spec
    lines: bool  # whether a text may also be cut behind a line feed that another character than white space follows
    prefix: Literal["", "always", "unless"] = ""
    nfc: bool = False


def plan_for(spec: Spec) -> Plan | None:
    """The plan of a tokenizer.json without control tokens and post-processor; None where there is none."""
    if not all(map(_stays_whole, spec.get("added_tokens") or [])):
        return None
    normalizer = steps_of(spec.get("normalizer"), "normalizers")
    steps = steps_of(spec.get("pre_tokenizer"), "pretokenizers")
    if steps and steps[-1]["type"] == "ByteLevel":
        cut = _byte_level(steps, bool(spec.get("added_tokens")))
        nfc = [step["type"] for step in normalizer] == ["NFC"]
        if cut is None or (normalizer and not nfc) or (nfc and spec.get("added_tokens")):
            return None
        return Plan(cut, {**spec, "normalizer": None}, cut in _AT_LINES, nfc=nfc)
    return _metaspace(spec, normalizer, steps)


def _stays_whole(token: Spec) -> bool:
    """Whether chunks never cut an added token, which is matched before anything else.

    Runs of white space stay whole, and a chunk that ends between other characters than white space is a word of ASCII letters.
    """
    content: str = token["content"]
    if token.get("lstrip") or token.get("rstrip") or token.get("single_word"):
        return False
    if not content.strip():
        return True
    return not any(map(str.isspace, content)) and not (content[0].isascii() and content[0].isalpha())


def _byte_level(steps: list[Spec], added: bool) -> re.Pattern[str] | None:
    """Where the pre-tokenizer surely cuts, of those that end in bytes."""
    *splits, to_bytes = steps
    if to_bytes.get("add_prefix_space", True):
        return None
    if to_bytes.get("use_regex", True):
        plain = not splits or splits == [{"type": "Digits", "individual_digits": True}]
        if not plain:
            return None
        return _GPT2 if added else _GPT2_WORDS[bool(splits)]
    patterns = tuple(_pattern(split) for split in splits)
    if patterns == _DEEPSEEK:
        return LETTERS if added else _DEEPSEEK_WORDS
    if len(patterns) != 1:
        return None
    pattern = patterns[0] or ""
    return _PATTERNS.get(pattern) if added else _WORDS.get(pattern, _PATTERNS.get(pattern))


def _pattern(step: Spec) -> str | None:
    """The pattern of a Split whose matches are words; no pattern of ours leaves a character unmatched but DeepSeek's."""
    if step["type"] != "Split" or "Regex" not in step["pattern"]:
        return None
    pattern: str = step["pattern"]["Regex"].replace("\r", r"\r").replace("\n", r"\n")
    kept = step["behavior"] == "Isolated" and not step.get("invert")
    found = step["behavior"] == "Removed" and step.get("invert") and pattern in _PATTERNS
    return pattern if kept or found else None


def _metaspace(spec: Spec, normalizer: list[Spec], steps: list[Spec]) -> Plan | None:
    """Plans of tokenizers that write a space as U+2581 (SentencePiece, Kudo and Richardson 2018)."""
    prefix: Literal["", "always", "unless"] = ""
    if normalizer and normalizer[0] == {"type": "Prepend", "prepend": METASPACE}:
        prefix, normalizer = "always", normalizer[1:]
    replaced = normalizer == [{"type": "Replace", "pattern": {"String": " "}, "content": METASPACE}]
    if normalizer and not replaced:
        return None
    words = False
    if len(steps) == 1 and steps[0]["type"] == "Metaspace" and not prefix:
        if steps[0].get("replacement") != METASPACE:
            return None
        scheme = steps[0].get("prepend_scheme", "always")
        prefix = "" if scheme == "never" else "unless"
        words = steps[0].get("split", True)
        steps = [{**steps[0], "prepend_scheme": "never"}]
        replaced = True
    elif replaced and steps == [
        {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    ]:
        steps = []  # as Gemma: no space is left for it
    if not replaced or (steps and steps[0]["type"] != "Metaspace"):
        return None
    if prefix and spec.get("added_tokens"):
        return None  # each stretch between them would get a prefix
    cut = chunk_pattern(spec["model"], words, bool(spec.get("added_tokens")))
    if cut is None:
        return None
    made = {**spec, "normalizer": normalizer[0] if normalizer else None, "pre_tokenizer": steps[0] if steps else None}
    return Plan(cut, made, False, prefix)
