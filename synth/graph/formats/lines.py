"""Lines of a raw file as text, with their numbers; what cannot be read is an errored row of its own."""

from __future__ import annotations

from collections.abc import Iterator

from arcmill.stage import Failure, SourceFile
from arcmill.tables.lines import Broken, TooLong, chunks, lines
from synth.graph.facts import errored


def text_lines(file: SourceFile, limit: int) -> Iterator[tuple[int, str] | Failure]:
    """(number, line) of each line that is not blank. Compression is found by content; the BOM is left out."""
    number = 0
    with file.open() as stream:
        try:
            for number, line in enumerate(lines(chunks(stream), limit), 1):
                if isinstance(line, TooLong):
                    detail = f"{line.bytes} bytes; max_line_bytes is {limit}"
                    yield errored("line-too-long", f"{file.name}:{number}", detail)
                    continue
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    yield errored("bad-utf8", f"{file.name}:{number}", f"byte {error.start} of the line is not UTF-8")
                    continue
                if text and not text.isspace():
                    yield number, text
        except Broken as broken:
            yield errored(broken.rule, f"{file.name}:{number + 1}", f"{broken}; the lines before it are kept")
