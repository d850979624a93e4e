"""One run of a function or an expression: its graph, its inputs and the names that nodes have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wingbeat.api import tree
from wingbeat.api.joining import enter, join
from wingbeat.api.tensor import Tensor, asarray, lazy
from wingbeat.api.tracing import Trace, scope, state
from wingbeat.errors import BadInput, NotSupported, TypeMismatch
from wingbeat.explain import _evaluation, expression
from wingbeat.explain._calls import Call, Calls, homes, is_module
from wingbeat.explain._locals import Found, code_of, watching
from wingbeat.explain._names import fresh
from wingbeat.explain.expression import Program
from wingbeat.explain.values import as_value
from wingbeat.ir.node import Node, full, quote
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import toposort
from wingbeat.ops.arithmetic import alias

Again = Callable[[Mapping[str, Any]], Any]

MOST_HELD = 1000  # entries of a list that is searched for modules


@dataclass
class Recording:
    """A graph with the arrays behind its leaves.

    `inputs` are the variables by name, `named` every node that the user gave a name (the inputs
    and the root included), `lines` what the user wrote for a node, `made` the call of a module
    that an operation belongs to, `given` what modules were called with.
    """

    trace: Trace
    root: Node
    inputs: dict[str, Node]
    named: dict[Node, str]
    lines: dict[Node, str] = field(default_factory=dict[Node, str])
    unused: tuple[Node, ...] = ()  # assigned, but the result does not depend on them
    known: bool = True  # whether the inputs have values
    program: Program | None = None
    made: dict[Node, Call] = field(default_factory=dict[Node, Call])
    given: set[Node] = field(default_factory=set[Node])
    again: Again | None = None  # calls the function with other values for its arguments' leaves
    arguments: tuple[str, ...] = ()  # the inputs that it takes


def _outside() -> None:
    if state.trace is not None and state.trace.scoped:
        raise NotSupported("explain inside grad, vmap or another explain; call it on their results")


def _input(value: Any, trace: Trace) -> Tensor:
    """A value as a variable of its own, not to be confused with an equal one."""
    t = asarray(float(value) if type(value) is int else value)
    return lazy(alias(enter(t, trace), tag=trace.tag()), trace, t._flags)


def record_expression(text: str, values: Mapping[str, Any], result: str | None = None) -> Recording:
    """Run an expression; without any value the graph has none, and its inputs are scalars."""
    _outside()
    program = expression.parse(text)
    if result is not None:
        program = program.until(result)
    given = {_evaluation.canonical(k): v for k, v in values.items()}
    known = bool(given) or not program.inputs
    if known:
        _evaluation.check_values(program, given)
    with scope():
        trace = state.trace
        assert trace is not None
        inputs = {n: _input(as_value(given.get(n, 0.0), n), trace) for n in program.inputs}

        def constant(value: float) -> Tensor:
            return lazy(full(value, tensor_type(())), trace, 0)

        def rename(name: str, t: Tensor) -> Tensor:
            return lazy(alias(enter(t, trace), tag=trace.tag()), trace, t._flags)

        assigned = _evaluation.run(program, inputs, constant, rename)
        nodes = {name: enter(t, trace) for name, t in (inputs | assigned).items()}
    statements = {nodes[s.name]: s.text for s in program.statements}
    root = nodes[program.result]
    return Recording(
        trace,
        root,
        {n: nodes[n] for n in inputs},
        {node: name for name, node in nodes.items()},
        statements,
        tuple(n for n in nodes.values() if n is not root),
        known,
        program,
    )


def record_function(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    names: Sequence[str] | None,
    wrt: str | Sequence[str] | None = None,
) -> Recording:
    """Run a function; its arguments' leaves are the inputs, its local names name the steps.

    Derivatives will be taken by `wrt`, so that Python's decisions by them are noticed.
    """
    _outside()
    with scope():
        here = state.trace
        assert here is not None
        inputs: dict[str, Tensor] = {}

        def enters(label: str, value: Any) -> Any:
            if not _is_number(value):
                return value
            label = label if label not in inputs else fresh(label, inputs)
            inputs[label] = _input(value, here)
            return inputs[label]

        labels = _labels(f, args, kwargs, names)
        entered, keywords = _replaced(labels, args, kwargs, enters)
        calls = Calls()
        for label, module in _modules(f, labels, entered, keywords):
            calls.announce(label, module)
        state.active = _watched(inputs, wrt)
        with watching(f, calls) as found:
            result = f(*entered, **keywords)
        if not isinstance(result, Tensor):
            raise TypeMismatch(
                "explain: the function must return one tensor; "
                f"it returned a {type(result).__name__}"
            )
        trace = join([result, *inputs.values()])
        nodes = {name: enter(t, trace) for name, t in inputs.items()}
        root = enter(result, trace)
    arguments = tuple(inputs)

    def again(values: Mapping[str, Any]) -> Any:
        labelled = iter(arguments)  # the leaves come in the same order
        given, named = _replaced(
            labels,
            args,
            kwargs,
            lambda _, v: asarray(values[next(labelled)]) if _is_number(v) else v,
        )
        return f(*given, **named)

    _add_captured(trace, nodes, calls.parameter_names())
    named = _named(f, trace, nodes, found, root)
    with scope():
        made, outputs, given = homes(calls.done, lambda t: enter(t, trace), set(nodes.values()))
    _name_results(named, outputs)
    lines = {n: line_of(n) for n in toposort([root]) if n.site and n.op is not alias}
    return Recording(
        trace, root, nodes, named, lines, made=made, given=given, again=again, arguments=arguments
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray | np.generic | int | float)


def _replaced(
    labels: Sequence[str],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    enters: Callable[[str, Any], Any],
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with other leaves."""
    given = [_relabelled(label, a, enters) for label, a in zip(labels, args, strict=False)]
    return given, {k: _relabelled(k, v, enters) for k, v in kwargs.items()}


def _watched(inputs: Mapping[str, Tensor], wrt: str | Sequence[str] | None) -> tuple[Node, ...]:
    """The inputs that derivatives flow to: all, where one is asked for by what is in between."""
    names = [wrt] if isinstance(wrt, str) else wrt
    chosen = inputs if names is None or not all(n in inputs for n in names) else names
    nodes = [inputs[n]._node for n in chosen if inputs[n].type.inexact]
    return tuple(node for node in nodes if node is not None)


def _modules(
    f: Any, labels: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    """The modules that a function can call, with names: its arguments, what it closes over."""
    named = [*zip(labels, args, strict=False), *kwargs.items()]
    if is_module(f):
        named.append(("model", f))
    named.append(("self", getattr(f, "__self__", None)))
    code = code_of(f)
    if code is not None:
        cells = getattr(f, "__closure__", None) or ()
        for name, cell in zip(code.co_freevars, cells, strict=False):
            with suppress(ValueError):  # a variable that has no value yet
                named.append((name, cell.cell_contents))
        known = getattr(f, "__globals__", {})
        named += [(name, known.get(name)) for name in code.co_names]
    return [found for name, value in named for found in _held(name, value)]


def _held(name: str, value: Any, depth: int = 3) -> list[tuple[str, Any]]:
    """The modules that a value is, or holds in lists, tuples and dicts, by the names of places."""
    if is_module(value):
        return [(name, value)]
    if depth == 0 or not isinstance(value, dict | list | tuple) or len(value) > MOST_HELD:
        return []
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return [found for k, x in inside for found in _held(f"{name}[{k!r}]", x, depth - 1)]


def _name_results(named: dict[Node, str], outputs: Mapping[Node, str]) -> None:
    """What a module returns is called as the module, unless the function's own lines name it."""
    taken = set(named.values())
    for node, name in outputs.items():
        if node not in named:
            label = name if name not in taken else fresh(f"{name}_", taken, 2)
            named[node] = label
            taken.add(label)


def _labels(
    f: Any, args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str] | None
) -> list[str]:
    """A name for every positional argument: given, or the parameter's own."""
    if names is not None:
        if isinstance(names, str) or len(names) != len(args):
            raise BadInput(
                f"names: one for each of the {len(args)} arguments is needed; got {names!r}"
            )
        return list(names)
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except ValueError:  # a function without a signature, as some written in C
        return [f"x{k + 1}" for k in range(len(args))]
    except TypeError as error:
        raise TypeMismatch(f"explain: the arguments do not fit the function: {error}") from None
    labels: list[str] = []
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            labels += [f"{name}[{k}]" for k in range(len(bound.arguments.get(name, ())))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            labels.append(name)
    return labels[: len(args)]


def takes(f: Any, name: str) -> bool:
    """Whether a function has a parameter that can be given by this name."""
    try:
        parameter = inspect.signature(f).parameters.get(name)
    except ValueError:
        return False
    return parameter is not None and parameter.kind in (
        parameter.KEYWORD_ONLY,
        parameter.POSITIONAL_OR_KEYWORD,
    )


def _relabelled(label: str, x: Any, enters: Callable[[str, Any], Any]) -> Any:
    """A tree with every leaf passed to `enters` under the name of its place: `p.w`, `p[0]`."""
    leaves, rebuild = tree.flatten(x)
    return rebuild([enters(n, v) for n, v in zip(_places(label, x), leaves, strict=True)])


def _places(label: str, x: Any) -> list[str]:
    if isinstance(x, dict):
        parts = [
            (f"{label}.{k}" if str(k).isidentifier() else f"{label}[{k!r}]", v)
            for k, v in x.items()
        ]
    elif hasattr(x, "_fields") and isinstance(x, tuple):
        parts = [(f"{label}.{k}", getattr(x, k)) for k in x._fields]  # type: ignore[attr-defined]
    elif isinstance(x, list | tuple):
        parts = [(f"{label}[{k}]", v) for k, v in enumerate(x)]
    else:
        count = len(tree.leaves(x))
        return [label] if count == 1 else _module_places(label, x, count)
    return [place for name, v in parts for place in _places(name, v)]


def _module_places(label: str, x: Any, count: int) -> list[str]:
    """The leaves of a module by the names of its parameters, of anything else by number."""
    method: Any = getattr(x, "named_parameters", None)
    names = [] if method is None else [str(name) for name, _ in method()]
    if len(names) == count:
        return [f"{label}.{name}" for name in names]
    return [f"{label}[{k}]" for k in range(count)]


def _add_captured(trace: Trace, nodes: dict[str, Node], names: Mapping[int, str]) -> None:
    """Tensors with requires_grad that the function used without being given them."""
    given = {x for n in nodes.values() for x in (n, *n.inputs)}
    for source, t in trace.sources.items():
        if source not in given:
            label = names.get(id(t), "")
            free = label and label not in nodes
            nodes[label if free else fresh(label or "parameter", nodes)] = source


def _named(
    f: Any, trace: Trace, inputs: Mapping[str, Node], found: Found, root: Node
) -> dict[Node, str]:
    named = {node: name for name, node in inputs.items()}
    taken = set(inputs)
    last: dict[str, int] = {}  # of each name that was taken: the number that was given last
    for name, t, node in found:
        if node is None or node in named or node.op is None or t._trace is not trace:
            continue
        label = name
        if name in taken:
            label = fresh(f"{name}_", taken, last.get(name, 1) + 1)
            last[name] = int(label.removeprefix(f"{name}_"))
        taken.add(label)
        named[node] = label
    if root not in named:
        own = getattr(f, "__name__", "")
        label = own if own.isidentifier() and own not in taken and own != "f" else "result"
        named[root] = label if label not in taken else fresh("result_", taken)
    return named


def line_of(node: Node) -> str:
    """`train.py:41   logits = h @ w`, without the folder."""
    assert node.site is not None
    text = quote(node.site)
    return (
        text.replace("\\", "/").rpartition("/")[2] if "   " not in text else _without_folder(text)
    )


def _without_folder(text: str) -> str:
    place, gap, source = text.partition("   ")
    return place.replace("\\", "/").rpartition("/")[2] + gap + source
