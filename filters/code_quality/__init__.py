"""Code quality: one classifier a language over its syntax tree and tokens, trained on labelled files, and tiers."""
