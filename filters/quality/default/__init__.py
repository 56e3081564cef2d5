"""How the packaged model is made: its texts, its training, its measurement."""
