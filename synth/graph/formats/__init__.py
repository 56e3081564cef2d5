"""One file a format: each reads a raw file into facts (`synth.graph.facts`), line by line in bounded memory."""
