"""Fill in the middle: a span of a text is moved to its end, so that a left-to-right model learns to insert."""
