"""A fuzzer over every parser of what others may have made: `python -m tests.fuzz --help`.

A harness (one file a parser, in `harnesses`) gives seeds, made here and never taken from anywhere, and a function that reads an
input and says in a word what became of it. Whatever else it raises is a crash, as are an input that takes too long, one that
takes too much memory, and one that ends the process.
"""
