"""What an environment tells synth-tasks, so that tasks are such as people would ask: `Environment.hints`.

Without hints a task goes by the schemas, and by what tools give when they are called.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may ask for something: what they know by heart, as parameter name -> value (email, first_name, zip)."""

    introduction: str  # "I am Mei Kato, my email is mei.kato@example.com."; holds every fact
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """A task that a world makes whole, where its calls follow from thought and not from data: to mend a fault in a program."""

    request: str  # in the user's words, as an ask: "fix issue 14 …"; says all that the calls' values are not found by
    calls: tuple[tuple[str, Mapping[str, Any]], ...]  # the blueprint: tool, arguments
    tell: tuple[tuple[str, tuple[str, ...]], ...] = ()  # what must be told: what it is, texts of which one must be said
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the request gives, for dialogues


@dataclass(frozen=True, slots=True)
class Hints:
    """See each field. Templates are texts with {parameter} where a value goes, in the first person of the user."""

    people: Callable[[Any], list[Person]] | None = (
        None  # (state) -> who may ask; None: nobody needs to say who they are
    )
    # "tool.parameter" or "parameter" -> (state, random numbers) -> a value that a user could make up, such as a new address
    values: Mapping[str, Callable[[Any, random.Random], Any]] = field(default_factory=dict)
    # tool -> how a user asks for it: "cancel order {order_id}, because it is {reason}"; several are drawn from
    asks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # parameter -> templates over a record that holds its value, by which a user who does not know the value can say which
    # one is meant: {"order_id": ("the order with the {item_name}",)}; used where exactly one record fits
    described: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # tool.field of what a reading tool gives -> how a user asks to be told it: {"get_order.total": ("what {order_id} cost",)}
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # requests that the policy forbids: (state, random numbers, person) -> (instruction, rule of the policy); the right end is no change
    forbidden: tuple[Callable[[Any, random.Random, Person | None], tuple[str, str] | None], ...] = ()
    # as `ready`, of one call that needs nothing before it: where nearly all else takes several, as in a shop that asks who one is
    single: tuple[Callable[[Any, random.Random, Person | None], Ready | None], ...] = ()
    # tasks that the world makes whole: (state, random numbers, person) -> one, or None where this state offers none
    ready: tuple[Callable[[Any, random.Random, Person | None], Ready | None], ...] = ()
