"""From documents and conversations to the token sequences that a training job reads."""
