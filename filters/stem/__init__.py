"""Educational value of documents for mathematics and science, 0 to 5: sample, train, score and up-sample."""
