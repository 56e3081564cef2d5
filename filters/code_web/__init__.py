"""Web pages about code: recall by marks or a classifier, then quality in three tiers."""
