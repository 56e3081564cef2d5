"""Synthetic reasoning data: traces, verifiers, rejection sampling, knowledge graphs, search questions."""
