"""Spans that are whole nodes of a syntax tree: functions, blocks, statements, expressions, arguments.

A place in the file is drawn, and one way is gone down the tree to it; what is passed on the way are the candidates. So
a node is met in proportion to its size, as in Gong et al. 2025 (arXiv 2506.00204), and a choice costs the depth of the
tree, not its size: beside the parse it takes no time. Nodes that hold a syntax error are never chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from arcmill.syntax import parse, parser
from sequences.fim.draw import below

if TYPE_CHECKING:
    from tree_sitter import Tree

KINDS = ("function", "block", "statement", "expression", "argument")
PLACES = 8  # drawn in a file before a kind is given up
DEPTH = 1000  # nodes that are passed on one way down; deeper ones are nobody's code

_FUNCTIONS = frozenset(
    "function_definition function_declaration function_item function_expression generator_function "
    "generator_function_declaration method_definition method_declaration constructor_declaration "
    "compact_constructor_declaration arrow_function lambda lambda_expression closure_expression func_literal "
    "decorated_definition class_definition class_declaration abstract_class_declaration class_specifier class "
    "struct_specifier struct_item impl_item trait_item enum_item enum_declaration interface_declaration "
    "record_declaration macro_definition template_declaration".split()
)
_BLOCKS = frozenset(
    "block statement_block compound_statement statement_list class_body interface_body enum_body constructor_body "
    "declaration_list field_declaration_list switch_body switch_block match_block enum_variant_list enumerator_list "
    "unsafe_block async_block const_block try_block".split()
)
_STATEMENTS = frozenset(
    "declaration let_declaration use_declaration const_item static_item type_item mod_item field_definition "
    "public_field_definition type_definition preproc_include preproc_def preproc_function_def decorator "
    "case_clause elif_clause else_clause except_clause finally_clause catch_clause switch_case switch_default "
    "expression_case default_case type_case communication_case match_arm switch_rule attribute_item".split()
)
_EXPRESSIONS = frozenset(
    "assignment augmented_assignment call binary_operator boolean_operator comparison_operator not_operator "
    "unary_operator subscript attribute await list dictionary set tuple list_comprehension set_comprehension "
    "dictionary_comprehension generator_expression string concatenated_string integer float method_invocation "
    "field_access array_access array object template_string composite_literal macro_invocation tuple_expression "
    "range_expression number string_literal number_literal interpreted_string_literal raw_string_literal int_literal "
    "float_literal integer_literal decimal_integer_literal char_literal initializer_list regex".split()
)
_LISTS = frozenset(
    "argument_list arguments parameters formal_parameters parameter_list closure_parameters type_arguments "
    "template_argument_list type_parameters".split()
)
_NONE, _LIST = -1, len(KINDS)


def _kind(name: str) -> int:
    """The place in KINDS of a node's type name, _LIST for what holds arguments, _NONE for what is no span."""
    if name in _LISTS:
        return _LIST
    for number, names in enumerate((_FUNCTIONS, _BLOCKS, _STATEMENTS, _EXPRESSIONS)):
        if name in names:
            return number
    if name.endswith(("_statement", "_declaration")) and not name.startswith("parameter_"):
        return KINDS.index("statement")
    return KINDS.index("expression") if name.endswith("_expression") else _NONE


@cache
def _table(language: str) -> tuple[int, ...]:
    """Kind of each node type of a grammar, by its number there. `attribute` is no expression in Rust and C."""
    found = parser(language)
    assert found is not None and found.language is not None
    grammar = found.language
    names = [grammar.node_kind_for_id(number) or "" for number in range(grammar.node_kind_count)]
    return tuple(
        _kind(name) if grammar.node_kind_is_named(number) and (name != "attribute" or language == "python") else _NONE
        for number, name in enumerate(names)
    )


Way = list[list[tuple[int, int]]]  # by kind: the byte spans of the nodes on one way down the tree


class NodeSpans:
    """Chooses nodes by kind. `weights`: how often each kind of KINDS is tried first."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        # Whole numbers, so that a choice is the same on every machine.
        most = max(weights.values())
        self._weights = [round(weights[kind] / most * (1 << 32)) for kind in KINDS]

    def choose(
        self, source: bytes, language: str, fits: Callable[[int, int], bool], kind: int, place: int, pick: int
    ) -> tuple[int, int, str] | None:
        """Bytes from and to, and the kind, of a node that `fits`; None where none was met. Three random words."""
        tree = parse(source, language)
        if tree is None:
            return None
        table = _table(language)
        ways: list[Way] = []
        for number in self._order(kind):
            for turn in range(PLACES):
                if turn == len(ways):
                    ways.append(_way(tree, table, below(len(source), place, turn)))
                found = [each for each in ways[turn][number] if fits(*each)]
                if found:
                    start, end = found[below(len(found), pick)]
                    return start, end, KINDS[number]
        return None

    def _order(self, word: int) -> list[int]:
        """All kinds with a weight, in an order drawn by weight."""
        left = [number for number, weight in enumerate(self._weights) if weight]
        order: list[int] = []
        while left:
            rank = below(sum(self._weights[number] for number in left), word, len(order))
            for number in left:
                rank -= self._weights[number]
                if rank < 0:
                    break
            left.remove(number)
            order.append(number)
        return order


def _way(tree: Tree, table: Sequence[int], place: int) -> Way:
    """The nodes over a byte, and over what stands next where it is blank, from the root down."""
    way: Way = [[] for _ in KINDS]
    cursor = tree.walk()
    held = _NONE
    for _ in range(DEPTH):
        if cursor.goto_first_child_for_byte(place) is None:
            break
        node = cursor.node
        assert node is not None
        start, end = node.start_byte, node.end_byte
        place = max(place, start)
        kind = table[node.kind_id] if node.kind_id < len(table) else _NONE  # an error node has a number of its own
        if end > start and (kind not in (_NONE, _LIST) or held == _LIST) and not node.has_error:
            if held == _LIST and node.is_named:
                way[KINDS.index("argument")].append((start, end))
            if kind not in (_NONE, _LIST):
                way[kind].append((start, end))
        held = kind
    return way
