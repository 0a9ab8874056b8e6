"""A module's variables and outputs, as they stand in its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.schema.types import Schema


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One variable.

    Attributes:
        name: Its name.
        file: File that declares it.
        line: Where.
        type_text: Its type as it is written; ``any`` where none is.
        schema: JSON Schema of its values, with what its validation rules say.
        description: Meaning, unit and range; empty where the module says none.
        has_default: Whether it may be left out.
        default: What it is then.
        is_sensitive: Its values are shown nowhere.
        is_ephemeral: Its values are kept nowhere.
        messages: What its validation rules tell.
        plan_time_messages: What those rules tell that, whole or in part, only a plan can judge.
    """

    name: str
    file: str
    line: int
    type_text: str = "any"
    schema: Schema = field(default_factory=dict)
    description: str = ""
    has_default: bool = False
    default: Any = None
    is_sensitive: bool = False
    is_ephemeral: bool = False
    messages: tuple[str, ...] = ()
    plan_time_messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output.

    Attributes:
        name: Its name.
        file: File that declares it.
        line: Where.
        description: Meaning; empty where the module says none.
        is_sensitive: Terraform is told to show it nowhere.
    """

    name: str
    file: str
    line: int
    description: str = ""
    is_sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What a module takes and gives.

    Attributes:
        variables: By name, in the order of the files.
        outputs: By name, in the order of the files.
        resource_types: Types of the resources that it declares itself.
        calls_modules: Whether it has modules inside, whose resources are not read here.
    """

    variables: Mapping[str, Variable]
    outputs: Mapping[str, Output]
    resource_types: frozenset[str] = frozenset()
    calls_modules: bool = False
