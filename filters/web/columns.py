"""What is remembered of a chunk (a run of characters without white space) and of a word: columns of two tables."""

from __future__ import annotations

# A chunk
FIRST_WORD = 0  # where its words begin in the list of word numbers
WORDS = 1  # words in it
CHARACTERS = 2  # length, code points
WORDED = 3  # words with a character that is no punctuation
WORDED_CHARACTERS = 4  # code points in those
ALPHABETIC = 5  # words with a letter
STOP_WORDS = 6  # bit i: stop word i is one of its words
# Sentences: a stop mark, then any punctuation, then a word begins a new one (spaCy's rule).
SENTENCE_ENTRY = 7  # 0 punctuation only, 1 a word comes before any stop mark, 2 a stop mark comes first
SENTENCE_STARTS = 8  # sentences begun inside it
SENTENCE_OPEN = 9  # 1 when it leaves a stop mark with no word after it
HINTS = 10  # what it may hold of personal data
COLUMNS = 11

HINT_EMAIL = 1
HINT_IPV4 = 2
HINT_IPV6 = 4
HINT_DIGITS = 8

# A word
LENGTH = 0  # code points
BYTES = 1  # in UTF-8
HAS_WORD = 2  # 1: some character is no punctuation
HAS_LETTER = 3  # 1: some character is a letter
STOP_BIT = 4  # its bit in STOP_WORDS
KIND = 5
WORD_COLUMNS = 6

MARK, WORD, STOP_MARK = 0, 1, 2  # kinds: punctuation, anything else, what ends a sentence

# A character, for words of ASCII
IS_WORD = 1  # not among the punctuation of Gopher's count
IS_LETTER = 2
IS_PUNCTUATION = 4  # Unicode's
IS_STOP = 8  # ends a sentence
