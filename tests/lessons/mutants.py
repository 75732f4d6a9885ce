"""Small mutations of a solution: each is one slip of the kinds that learners make, as source code and as a function.

A mutant runs under a budget of lines, not of seconds: one that never ends is stopped on any machine at the same place.
"""

import ast
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

BUDGET = 200_000
"""Lines that a mutant may run."""
FILE = "<mutant>"
COMPARE = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATE = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
NAMES = {
    "min": ("max",),
    "max": ("min", "mean"),
    "mean": ("sum", "median"),
    "sum": ("mean", "prod"),
    "median": ("mean",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "any": ("all",),
    "all": ("any",),
    "log": ("log2", "log1p"),
    "log2": ("log",),
    "std": ("var",),
    "sorted": ("list", "set"),
    "equal": ("allclose",),
    "ones": ("zeros",),
    "eye": ("ones_like",),
}


@dataclass(frozen=True)
class Mutant:
    """One mutation: which exercise, what was changed, and the function."""

    exercise: str
    change: str
    answer: Callable[..., Any]


def mutants(solution: Callable[..., Any], differentiable: bool = False) -> Iterator[Mutant]:
    """Return every mutant of a solution whose source differs from it, each once."""
    source = textwrap.dedent(inspect.getsource(solution))
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for number, node in enumerate(list(ast.walk(tree))):
        for change in _changes(node, tree.body[0]):
            other = copy.deepcopy(tree)
            change(list(ast.walk(other))[number])
            text = ast.unparse(ast.fix_missing_locations(other))
            if text not in seen:
                seen.add(text)
                yield Mutant(solution.__name__, _apart(ast.unparse(tree), text), _compiled(text, solution))
    for name, wrap in _RETURNS.items():
        yield Mutant(solution.__name__, name, _wrapped(solution, wrap))
    if differentiable:
        yield Mutant(solution.__name__, "gradient cut", _wrapped(solution, lambda value: value.detach()))


def _apart(before: str, after: str) -> str:
    lines = [line.strip() for line in after.splitlines() if line not in before.splitlines()]
    return " / ".join(lines) or "a line gone"


def _compiled(text: str, solution: Callable[..., Any]) -> Callable[..., Any]:
    names = dict(vars(sys.modules[solution.__module__]))
    exec(compile(text, FILE, "exec"), names)
    return bounded(names[solution.__name__])


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a mutant so that it runs BUDGET lines at most."""

    def run(*given: Any) -> Any:
        left = BUDGET

        def count(frame: Any, event: str, _argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename != FILE:
                return None
            left -= 1
            if left < 0:
                raise RuntimeError("this mutant does not end")
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            return function(*given)
        finally:
            sys.settrace(before)

    run.__name__ = function.__name__
    run.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return run


def _wrapped(solution: Callable[..., Any], wrap: Callable[[Any], Any]) -> Callable[..., Any]:
    def run(*given: Any) -> Any:
        return wrap(solution(*given))

    run.__name__ = solution.__name__
    run.__signature__ = inspect.signature(solution)  # type: ignore[attr-defined]
    return run


def _first_row(value: Any) -> Any:
    """Fill every row with the first."""
    if isinstance(value, (bool, int, float)) or getattr(value, "ndim", 1) == 0:
        return value + 1
    rows = value.clone() if hasattr(value, "clone") else copy.copy(value)
    for row in range(len(rows)):
        rows[row] = rows[0]
    return rows


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return [change(one) for one in value] if isinstance(value, (list, tuple)) else change(value)


def _sign(value: Any) -> Any:
    return not value if isinstance(value, bool) else _each(value, lambda one: -one)


def _shorter(value: Any) -> Any:
    return None if isinstance(value, (bool, int, float)) or getattr(value, "ndim", 1) == 0 else value[:-1]


def _turned(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return list(value)[::-1]
    return value.T if getattr(value, "ndim", 0) == 2 else _sign(value)


_RETURNS: dict[str, Callable[[Any], Any]] = {
    "first row everywhere": _first_row,
    "sign turned": _sign,
    "last row left out": _shorter,
    "transposed or reversed": _turned,
    "sizes only": lambda value: (
        not value if isinstance(value, bool) else [abs(one) for one in value] if isinstance(value, (list, tuple)) else abs(value)
    ),
    "constant 0": lambda value: [0 * one for one in value] if isinstance(value, (list, tuple)) else value * 0,
    "constant 1": lambda value: [0 * one + 1 for one in value] if isinstance(value, (list, tuple)) else value * 0 + 1,
}


# ------------------------------------------------------------------- the rules


def _changes(node: ast.AST, function: ast.AST) -> Iterator[Callable[[Any], None]]:
    """Return the changes that a node allows: each is applied to the same node of a copy."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        values = (not node.value,) if isinstance(node.value, bool) else (node.value + 1, node.value - 1, 0, 2 * node.value, -node.value)
        for value in values:
            yield lambda other, value=value: setattr(other, "value", value)
    if isinstance(node, ast.Compare):
        for kind in COMPARE.get(type(node.ops[0]), ()):
            yield lambda other, kind=kind: other.ops.__setitem__(0, kind())
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for kind in OPERATE.get(type(node.op), ()):
            yield lambda other, kind=kind: setattr(other, "op", kind())
    if isinstance(node, ast.BoolOp):
        yield lambda other: setattr(other, "op", ast.Or() if isinstance(other.op, ast.And) else ast.And())
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        known = sorted({argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)})
        for name in (*NAMES.get(node.id, ()), *(known if node.id in known else ())):
            yield lambda other, name=name: setattr(other, "id", name)
    if isinstance(node, ast.Attribute):
        for name in NAMES.get(node.attr, ()):
            yield lambda other, name=name: setattr(other, "attr", name)
    if isinstance(node, ast.Call):
        for place in range(len(node.keywords)):
            yield lambda other, place=place: other.keywords.pop(place)
        if ast.unparse(node.func) == "float":
            yield lambda other: other.args.__setitem__(0, ast.Constant(0))
            yield lambda other: other.args.__setitem__(0, ast.Constant(1))
        if len(node.args) == 2:
            yield lambda other: other.args.reverse()
    if isinstance(node, ast.If):
        for truth in (True, False):
            yield lambda other, truth=truth: setattr(other, "test", ast.Constant(truth))
    if isinstance(node, (ast.For, ast.comprehension)):
        for part in ("1:", ":1", ":-1", "::-1"):
            chosen = ast.parse(f"x[{part}]", mode="eval").body.slice  # type: ignore[attr-defined]
            yield lambda other, chosen=chosen: setattr(other, "iter", _part(other.iter, chosen))
    if isinstance(node, ast.comprehension):
        for place in range(len(node.ifs)):
            yield lambda other, place=place: other.ifs.pop(place)
    if isinstance(node, ast.Slice):
        for end in ("lower", "upper"):
            if getattr(node, end):
                yield lambda other, end=end: setattr(other, end, None)
                for step in (ast.Add, ast.Sub):
                    yield (lambda other, end=end, step=step: setattr(other, end, ast.BinOp(getattr(other, end), step(), ast.Constant(1))))
    for name, body in ast.iter_fields(node):
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            for place, statement in enumerate(body):
                if not isinstance(statement, (ast.Return, ast.FunctionDef)):
                    yield (lambda other, name=name, place=place: getattr(other, name).__setitem__(place, ast.Pass()))
        for place, part in enumerate(body if isinstance(body, list) else [body]):
            for simpler in _simpler(part) if isinstance(part, ast.expr) else ():
                yield lambda other, name=name, place=place, simpler=simpler: _put(other, name, place, simpler)


def _part(values: ast.expr, chosen: ast.expr) -> ast.expr:
    return ast.Subscript(ast.Call(ast.Name("list", ast.Load()), [values], []), chosen, ast.Load())


def _simpler(part: ast.expr) -> list[ast.expr]:
    """Return what an expression is without its outermost step: a call, a sign, an operand, a place."""
    if isinstance(part, ast.Call):
        inner = [part.func.value] if isinstance(part.func, ast.Attribute) and not _is_module(part.func.value) else []
        return inner + part.args[:2]
    if isinstance(part, ast.UnaryOp):
        return [part.operand]
    if isinstance(part, ast.BinOp):
        return [part.left, part.right]
    if isinstance(part, ast.BoolOp):
        return list(part.values)
    if isinstance(part, ast.Attribute) and part.attr == "T":
        return [part.value]
    return [part.value] if isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Load) else []


def _is_module(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id in ("np", "torch", "stats")) or ast.unparse(node).startswith("torch.nn")


def _put(other: Any, name: str, place: int, simpler: ast.expr) -> None:
    value = getattr(other, name)
    if isinstance(value, list):
        value[place] = simpler
    else:
        setattr(other, name, simpler)
