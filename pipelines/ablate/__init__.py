"""`arcmill ablate`: which of several datasets teaches the same small decoder more, with intervals.

A dataset is an *arm*. Every arm trains the same decoder on equally many tokens by one tokenizer, from the same initial
weights for the same seed; each trained decoder is measured on the same held-out texts and tasks. `config` says what can
be set, `arms`, `vocabulary` and `heldout` prepare what is trained and measured on, `train` and `evaluate` do it for one
(arm, seed), `intervals` says what the numbers bear out, `run` puts them together and takes up what is done, `table` shows.
"""

from __future__ import annotations
