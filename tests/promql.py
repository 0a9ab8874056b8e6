"""As much of PromQL as the shipped alert rules use, evaluated on two scrapes: now, and at the beginning of the window.

The grammar is a library's; this gives it a meaning, so that a test can tell whether an alert fires. A rate is taken
over ``WINDOW_SECONDS`` whatever the window says, and a counter that fell has begun anew.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import promql_parser as ast
from prometheus_client.parser import text_string_to_metric_families

WINDOW_SECONDS = 300.0
NAME = "__name__"

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = Vector | float

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "-": operator.sub,
    "/": lambda left, right: left / right if right else math.nan,
}
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt}
_AGGREGATES: Mapping[str, Callable[[list[float]], float]] = {"sum": sum, "max": max}


@dataclass(frozen=True)
class Page:
    """One scrape.

    Attributes:
        samples: Values by all labels, the name among them.
    """

    samples: Vector

    @classmethod
    def of(cls, *texts: str) -> Self:
        """Read one scrape, or those of several processes, which stay apart as Prometheus keeps them apart."""
        return cls(
            {
                frozenset({**sample.labels, NAME: sample.name, "instance": str(number)}.items()): sample.value
                for number, text in enumerate(texts)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of what has this name and, among others, these labels."""
        wanted = {*labels.items(), (NAME, name)}
        return sum(value for each, value in self.samples.items() if wanted <= each)

    @property
    def label_values(self) -> dict[str, set[str]]:
        """Return which values each label has."""
        values: dict[str, set[str]] = {}
        for labels in self.samples:
            for name, value in labels:
                values.setdefault(name, set()).add(value)
        return values


@dataclass(frozen=True)
class Evaluation:
    """An expression's surroundings.

    Attributes:
        now: The newest scrape.
        before: The one at the beginning of every window.
        time: What ``time()`` says.
    """

    now: Page
    before: Page
    time: float = 0.0

    def fires(self, expression: str) -> bool:
        """Tell whether an alert of this expression would be pending."""
        value = self._value(ast.parse(expression))
        assert isinstance(value, dict), "an alert's expression gives a vector"
        return bool(value)

    def _value(self, node: ast.Expr) -> Value:
        match node:
            case ast.NumberLiteral():
                return node.val
            case ast.ParenExpr():
                return self._value(node.expr)
            case ast.VectorSelector():
                return _selected(self.now, node)
            case ast.AggregateExpr():
                return _aggregated(node, self._vector(node.expr))
            case ast.BinaryExpr():
                return self._binary(str(node.op), self._value(node.lhs), self._value(node.rhs))
            case ast.Call():
                return self._call(node.func.name, node.args)
        raise NotImplementedError(type(node).__name__)

    def _vector(self, node: ast.Expr) -> Vector:
        value = self._value(node)
        assert isinstance(value, dict)
        return value

    def _call(self, name: str, arguments: list[ast.Expr]) -> Value:
        if name == "time":
            return self.time
        first, last = arguments[0], arguments[-1]
        if name in {"rate", "increase"}:
            assert isinstance(first, ast.MatrixSelector)
            grown = self._grown(first.vector_selector)
            return grown if name == "increase" else {key: value / WINDOW_SECONDS for key, value in grown.items()}
        if name == "absent":
            return {} if self._vector(first) else {frozenset(): 1.0}
        if name == "scalar":
            return next(iter(self._vector(first).values()), math.nan)
        if name == "histogram_quantile":
            assert isinstance(first, ast.NumberLiteral)
            return _quantiles(first.val, self._vector(last))
        raise NotImplementedError(name)

    def _grown(self, selector: ast.VectorSelector) -> Vector:
        before = _selected(self.before, selector)
        grown = {}
        for labels, value in _selected(self.now, selector).items():
            if labels in before:  # what was not there has not grown: Prometheus needs two samples
                grown[labels] = value - before[labels] if value >= before[labels] else value
        return grown

    def _binary(self, sign: str, left: Value, right: Value) -> Value:
        if sign == "or":
            assert isinstance(left, dict)
            assert isinstance(right, dict)
            return {**right, **left}
        if isinstance(left, float) and isinstance(right, dict):
            assert sign in _ARITHMETIC
            return {labels: _ARITHMETIC[sign](left, value) for labels, value in right.items()}
        assert isinstance(left, dict)
        assert isinstance(right, float)
        if sign in _COMPARED:
            return {labels: value for labels, value in left.items() if _COMPARED[sign](value, right)}
        return {labels: _ARITHMETIC[sign](value, right) for labels, value in left.items()}


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Return what an expression reads: names of series, each with the labels that it is chosen or grouped by."""
    found: list[tuple[str, set[str]]] = []
    grouped: set[str] = set()

    def visit(node: ast.Expr) -> None:
        if isinstance(node, ast.AggregateExpr) and node.modifier is not None:
            grouped.update(node.modifier.labels)
        if isinstance(node, ast.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, ast.VectorSelector):
            assert node.name is not None
            found.append((node.name, {matcher.name for matcher in node.matchers.matchers}))

    ast.walk(ast.parse(expression), visit)
    return [(name, labels | (grouped if number == 0 else set())) for number, (name, labels) in enumerate(found)]


def _selected(page: Page, selector: ast.VectorSelector) -> Vector:
    return {
        labels - {(NAME, selector.name or "")}: value
        for labels, value in page.samples.items()
        if (NAME, selector.name) in labels
        and all(_matches(matcher, dict(labels).get(matcher.name, "")) for matcher in selector.matchers.matchers)
    }


def _matches(matcher: ast.Matcher, value: str) -> bool:
    if matcher.op == ast.MatchOp.Equal:
        return value == matcher.value
    if matcher.op == ast.MatchOp.Re:
        return re.fullmatch(matcher.value, value) is not None
    raise NotImplementedError(str(matcher))


def _aggregated(node: ast.AggregateExpr, vector: Vector) -> Vector:
    kept: set[str] = set()
    if node.modifier is not None:
        assert node.modifier.type == ast.AggModifierType.By
        kept = set(node.modifier.labels)
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(frozenset(pair for pair in labels if pair[0] in kept), []).append(value)
    return {labels: _AGGREGATES[str(node.op)](values) for labels, values in groups.items()}


def _quantiles(share: float, vector: Vector) -> Vector:
    histograms: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in vector.items():
        bound = float(dict(labels)["le"])
        histograms.setdefault(frozenset(pair for pair in labels if pair[0] != "le"), []).append((bound, value))
    return {labels: _quantile(share, sorted(buckets)) for labels, buckets in histograms.items()}


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """Interpolate within the bucket that the rank falls into, as Prometheus does."""
    rank = share * buckets[-1][1]
    if not rank:
        return math.nan
    low, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return low if math.isinf(bound) else low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return low
