"""Columns of what `scan.totals` and `scan.lines` return; apart, so that a rule need not import compiled code."""

CHARACTERS, ALPHABETIC, DIGITS, WHITE, REPLACEMENT, LONG_WORD, HEX_WORD, WORDS = range(8)
START, END, WIDTH, FIRST, HASH = range(5)  # of a line
WORD, NUMBER, STRING, COMMENT, MARK = range(5)  # kinds of tokens
KIND, FROM, TO = range(3)  # of a token
