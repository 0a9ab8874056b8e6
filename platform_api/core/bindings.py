"""Values that hold for a while in one thread, or one task: bound, and taken back."""

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Bound(Generic[Value]):
    """Gives a variable a value within a ``with``; a class, because each call goes through several."""

    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[Value], value: Value) -> None:
        self._variable, self._value = variable, value
        self._token: Token[Value] | None = None

    def __enter__(self) -> Value:
        self._token = self._variable.set(self._value)
        return self._value

    def __exit__(self, *_error: object) -> None:
        if self._token is not None:
            self._variable.reset(self._token)
