"""The faults that are planted in the repository, each with the issue that reports it; and the probes that tell what it does.

A fault puts `wrong` in the place of `right`, which stands once in its module. Tests of the repository fail by it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """See the module."""

    module: str
    function: str
    right: str
    wrong: str
    title: str
    body: str


FAULTS = (
    Fault("money", "parse_amount", 'part.ljust(2, "0")', 'part.rjust(2, "0")', "Amounts with one decimal are read far too small",
          "I imported a price list and 2.5 came out as 205 cents. Prices written with two decimals are fine."),
    Fault("money", "format_amount", "divmod(abs(cents), 100)", "divmod(cents, 100)", "Negative amounts are shown wrong",
          "A refund of 5 cents is printed as --1.95 or so. It should read -0.05. Amounts above zero look right."),
    Fault("money", "split_evenly", "number < rest else share", "number <= rest else share", "Splitting an amount invents a cent",
          "Three people share 1.00 and the parts add up to more than 1.00. The parts must always sum up to the amount."),
    Fault("money", "with_tax", "(cents * percent + 50) // 100", "cents * percent // 100", "Tax is always rounded down",
          "With 5 percent on 0.50 we charge 0.52, the office expects 0.53. The docstring says that half a cent is rounded up."),
    Fault("dates", "is_leap", "(year % 100 != 0 or year % 400 == 0)", "year % 100 != 0", "The year 2000 is not a leap year for us",
          "29 February 2000 is refused as a date. Years such as 1900 are handled well, 2000 is not."),
    Fault("dates", "day_of_year", "for other in range(1, month)) + day", "for other in range(1, month + 1)) + day",
          "Day numbers within the year are a month too high",
          "The first of January should be day 1, and we get 32. All other dates are off as well."),
    Fault("dates", "add_months", "min(day, days_in_month(year, month))", "day", "Adding months gives dates that do not exist",
          "A month after 31 January we get 31 February. The last day of the month is what we want there."),
    Fault("dates", "quarter", "(month - 1) // 3 + 1", "month // 3 + 1", "March is counted to the second quarter",
          "In the quarterly report, sales of March and of December land in the wrong quarter."),
    Fault("text", "slugify", "title.lower() + \" \"", "title.lower()", "The last word of a title is missing in its slug",
          "The page 'Hello World' got the address 'hello'. Titles that end in a full stop are not affected."),
    Fault("text", "truncate", "text[: max(width - 3, 0)]", "text[:width]", "Truncated texts are longer than asked for",
          "I ask for 6 characters and get 9. The dots have to count towards the width."),
    Fault("text", "wrap", "len(line) + 1 + len(word) > width", "len(line) + 1 + len(word) >= width", "Lines are wrapped too early",
          "A line that would fill the width exactly is broken before its last word."),
    Fault("text", "count_words", "word = word.strip(\".,;:!?\")", "word = word.rstrip(\".\")", "Words before a comma are counted apart",
          "'cat' and 'cat,' show up as two words in the counts. Any punctuation at the edge of a word should not matter."),
    Fault("ranges", "merge", "low <= merged[-1][1] + 1", "low <= merged[-1][1]", "Neighbouring ranges are not joined",
          "Merging 1-3 and 4-6 should give 1-6, we get both of them back."),
    Fault("ranges", "merge", "max(merged[-1][1], high)", "high", "A range inside of another one shortens it",
          "Merging 1-10 with 2-3 gives 1-3; the numbers from 4 to 10 are lost."),
    Fault("ranges", "overlaps", "first[0] <= second[1] and second[0] <= first[1]", "first[0] < second[1] and second[0] < first[1]",
          "Ranges that share their end are said not to overlap", "1-3 and 3-5 share the number 3, so overlaps should be true."),
    Fault("ranges", "parse_ranges", "range(first, last + 1)", "range(first, last)", "The last number of each range is dropped",
          "Reading 1-3,7 gives 1 and 2 only. It should be 1, 2, 3 and 7."),
    Fault("version", "compare", "one[3] == \"\", one[3])", "one[3] != \"\", one[3])", "A beta sorts after its release",
          "Comparing 2.0.0-beta with 2.0.0 says that the beta is the newer one, or that two releases differ."),
    Fault("version", "bump", "return f\"{major}.{minor + 1}.0\"", "return f\"{major}.{minor + 1}.{patch}\"",
          "A minor bump keeps the patch number", "After 1.4.2 a minor bump should give 1.5.0, it gives 1.5.2."),
    Fault("version", "compatible", "compare(given, wanted) >= 0", "compare(given, wanted) > 0",
          "A version is not compatible with itself", "When exactly the wanted version is installed, the check fails."),
    Fault("version", "newest", "parse(version)[3] == \"\" and (", "(", "Pre-releases are offered as the newest version",
          "The updater offered 2.0.0-beta. Versions with a label must never be taken as the newest."),
    Fault("units", "parse_duration", "return total + int(number or 0)", "return total", "A bare number is read as no time at all",
          "A timeout of 45 is read as 0 seconds. A number without a unit should be seconds."),
    Fault("units", "format_duration", "\"\".join(pieces) or \"0s\"", "\"\".join(pieces)", "An empty text for a duration of zero",
          "The table shows nothing where a job took no time; 0s would be right."),
    Fault("units", "parse_size", "text.strip().upper()", "text.strip()", "Sizes with a small letter are refused",
          "10k raises an error, 10K works. Both should be accepted."),
    Fault("units", "format_size", "if count >= BYTES[unit]", "if count > BYTES[unit]", "1024 bytes are not shown as 1.0K",
          "A file of exactly 1024 bytes is shown as 1024, and one of 1048576 bytes as 1024.0K."),
    Fault("graph", "nodes", "        found.update(targets)\n", "        found.update(targets[1:])\n", "Nodes without an entry of their own are lost",
          "A node that is only pointed to is sometimes missing in the list of nodes."),
    Fault("graph", "topological", "        free.sort()\n", "", "The build order changes with the order of the input",
          "When several nodes may come next, the one that is first by name should be taken. Now it depends on how the graph was written."),
    Fault("graph", "shortest_path", "path = paths.pop(0)", "path = paths.pop()", "The shortest path is not the shortest",
          "For a graph with a direct way and a way round, I got the way round."),
    Fault("graph", "reverse", "turned[target].append(node)", "turned[node].append(target)", "Reversing a graph gives the graph itself",
          "The arrows are not turned round at all."),
    Fault("table", "render", "zip(row, widths)).rstrip()", "zip(row, widths))", "Rendered tables have spaces at the ends of lines",
          "Our linter complains about trailing spaces in tables that we render into documents."),
    Fault("table", "parse_line", "sign == \",\" and not quoted", "sign == \",\"", "Commas within quotes split a field",
          "The line \"a,b\",c has two fields and is read as three."),
    Fault("table", "format_line", "field.replace('\"', '\"\"')", "field", "Quotes in a field are not doubled",
          "A field that holds a double quote cannot be read back after it was written."),
    Fault("table", "total", " if row[column].strip())", ")", "Totals fail on empty cells",
          "A column with an empty cell ends in a ValueError. Empty cells should count as 0."),
)  # fmt: skip


@cache
def probes() -> dict[str, tuple[str, ...]]:
    """Module -> the expressions that are evaluated in it, to tell whether two of its versions do the same."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("repository").joinpath("probes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:-1].isalpha():
            lines = found.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return {module: tuple(lines) for module, lines in found.items()}
