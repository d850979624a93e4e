"""Places of values: nothing is overwritten while it is needed, and little memory is taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm.buffers import ALIGNMENT, Demand, Layout, layout
from wingbeat.ir import leaf, tensor_type

EMPTY: dict[int, Any] = {}


@dataclass(frozen=True)
class Alias:
    of: int
    offset: int


@dataclass(frozen=True)
class Program:
    graph: Graph
    demands: list[Demand]
    aliases: dict[int, Alias]
    donated: set[int]


def graph(sizes: Iterable[int], inputs: int, outputs: Iterable[int]) -> Graph:
    """Nodes of float32 with these sizes; what computes them is in the demands."""
    nodes = tuple(leaf(tensor_type((n,), "float32"), "x", k) for k, n in enumerate(sizes))
    return Graph(nodes, tuple(range(inputs)), tuple(outputs), ((),) * len(nodes))


# The law: an imaginary run, in which memory holds names of values


class Run:
    """Who wrote each 4 bytes of each array (None: the arena) last."""

    def __init__(self, program: Program, plan: Layout) -> None:
        self.program, self.plan = program, plan
        self.memory: dict[tuple[int | None, int], int] = {}
        for k, position in enumerate(program.graph.inputs):
            self.write([(k, word) for word in range(self.size(position))], position)

    def size(self, position: int) -> int:
        return self.program.graph.nodes[position].type.size

    def cells(self, position: int) -> list[tuple[int | None, int]]:
        place = self.plan.places[position]
        start = place.offset // 4
        if place.array is None:
            assert place.offset % ALIGNMENT == 0 or position in self.program.aliases
            assert place.offset + 4 * self.size(position) <= self.plan.arena
        return [(place.array, start + k) for k in range(self.size(position))]

    def write(self, cells: Iterable[tuple[int | None, int]], value: int) -> None:
        self.memory.update(dict.fromkeys(cells, value))

    def expect(self, position: int) -> None:
        """What lies at a value's place is that value, or the part of another that it is."""
        alias = self.program.aliases.get(position)
        for cell in self.cells(position):
            assert self.memory[cell] == (alias.of if alias else position)

    def step(self, demand: Demand, scratch: int) -> None:
        for position in demand.reads:
            self.expect(position)
        taken = {p: set(self.cells(p)) for p in (*demand.reads, *demand.stored)}
        taken[-1] = {(None, scratch // 4 + k) for k in range(-(-demand.scratch // 4))}
        for mine in (*demand.stored, -1):
            for other in taken:
                if mine != other and (mine, other) not in demand.inplace:
                    shared = taken[mine] & taken[other]
                    assert not shared or (other, mine) in demand.inplace
        self.write(taken[-1], -1)
        for position in demand.stored:
            self.write(taken[position], position)


def obey(program: Program, plan: Layout) -> None:
    run = Run(program, plan)
    for demand, scratch in zip(program.demands, plan.scratch, strict=True):
        run.step(demand, scratch)
    for position in program.graph.outputs:
        run.expect(position)
    last_failing = max((k for k, d in enumerate(program.demands) if d.fails), default=-1)
    for k, position in enumerate(program.graph.inputs):
        owned = [run.memory[k, word] == position for word in range(run.size(position))]
        assert all(owned) or position in program.donated
        for demand in program.demands[: last_failing + 1]:
            assert all(plan.places[p].array != k for p in demand.stored)
    assert plan.live <= plan.arena


@st.composite
def programs(draw: st.DrawFn) -> Program:
    inputs, steps = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    size = st.sampled_from([0, 1, 16, 17, 40])
    sizes = [draw(size) for _ in range(inputs)]
    demands: list[Demand] = []
    for _ in range(steps):
        known = len(sizes)
        reads = draw(st.lists(st.integers(0, known - 1), max_size=3, unique=True))
        stored = range(known, known + draw(st.integers(1, 2)))
        sizes += [draw(size | st.sampled_from(sizes)) for _ in stored]
        pairs = [(s, r) for s in stored for r in reads if sizes[s] == sizes[r]]
        inplace = tuple(p for p in pairs if draw(st.booleans()))
        demand = Demand(tuple(reads), tuple(stored), inplace)
        scratch, fails = draw(st.sampled_from([0, 0, 100])), draw(st.integers(0, 5)) == 0
        demands.append(replace(demand, scratch=scratch, fails=fails))
    outputs = draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3))
    aliases: dict[int, Alias] = {}
    for of in draw(st.lists(st.integers(0, len(sizes) - 1), max_size=2)):
        offset = draw(st.integers(0, sizes[of]))
        aliases[len(sizes)] = Alias(of, offset)
        outputs.append(len(sizes))
        sizes.append(sizes[of] - offset)
    donated = {k for k in range(inputs) if draw(st.booleans())}
    return Program(graph(sizes, inputs, outputs), demands, aliases, donated)


def planned(program: Program) -> Layout:
    return layout(program.graph, program.demands, program.aliases, program.donated)


@settings(max_examples=400, derandomize=True, database=None)
@given(programs())
def test_nothing_is_overwritten_that_is_needed(program: Program) -> None:
    obey(program, planned(program))


def chain(inputs: int = 1, steps: int = 4, size: int = 100, *, inplace: bool = True) -> Program:
    """x -> 1 -> 2 -> ... of one size; the last value is the output."""
    demands = [
        Demand((k - 1 if k > inputs else 0,), (k,), ((k, k - 1),) if inplace else ())
        for k in range(inputs, inputs + steps)
    ]
    last = inputs + steps - 1
    return Program(graph([size] * (inputs + steps), inputs, [last]), demands, EMPTY, set())


def test_the_law_notices_a_value_that_is_overwritten() -> None:
    program = chain(inplace=False)
    plan = planned(program)
    obey(program, plan)
    places = {**plan.places, 2: plan.places[1]}
    with pytest.raises(AssertionError):
        obey(program, replace(plan, places=places))


def test_a_chain_in_place_takes_no_arena() -> None:
    """All of it happens in the output."""
    plan = planned(chain())
    assert plan.arena == 0
    assert plan.fresh == (4,)


def test_a_chain_takes_two_places_in_turn() -> None:
    plan = planned(chain(steps=6, inplace=False))
    assert plan.arena == plan.live == 2 * 448  # 400 bytes, rounded up to a multiple of 64


def test_inputs_are_never_written_to() -> None:
    program = Program(graph([100, 100], 1, [1]), [Demand((0,), (1,), ((1, 0),))], EMPTY, set())
    assert planned(program).places[1].array == 1


def test_a_donated_input_is_written_to() -> None:
    program = Program(graph([100, 100], 1, [1]), [Demand((0,), (1,), ((1, 0),))], EMPTY, {0})
    plan = planned(program)
    assert plan.places[1].array == 0
    assert plan.fresh == ()


def test_a_donated_input_is_given_to_a_later_output() -> None:
    """Not in place, but after its last use; in place where the step reads it elsewhere."""
    demands = [Demand((0,), (1,)), Demand((1,), (2,))]
    program = Program(graph([100, 50, 100], 1, [2]), demands, EMPTY, {0})
    assert planned(program).places[2].array == 0
    assert planned(replace(program, demands=[demands[0], Demand((0, 1), (2,))])).fresh == (2,)


def test_a_donated_input_of_another_type_is_not_a_result() -> None:
    program = Program(graph([100, 50], 1, [1]), [Demand((), (1,))], EMPTY, {0})
    assert planned(program).fresh == (1,)


def test_inputs_stay_until_the_last_step_that_may_fail() -> None:
    """The program is run again on them."""
    update = Demand((0,), (1,), ((1, 0),))
    check = Demand((), (2,), fails=True)
    sizes = [100, 100, 100]
    for demands, fresh in (([update, check], (1, 2)), ([check, update], (2,))):
        program = Program(graph(sizes, 1, [1, 2]), demands, EMPTY, {0})
        obey(program, planned(program))
        assert planned(program).fresh == fresh


def test_two_values_do_not_take_one_place() -> None:
    step = Demand((1,), (2, 3), ((2, 1), (3, 1)))
    demands = [Demand((0,), (1,)), step, Demand((2, 3), (4,))]
    program = Program(graph([10] * 5, 1, [4]), demands, EMPTY, set())
    obey(program, planned(program))


def test_outputs_may_be_inputs_parts_and_repeated() -> None:
    aliases = {2: Alias(0, 3), 3: Alias(1, 5)}
    program = Program(
        graph([10, 20, 7, 15], 1, [0, 2, 3, 1, 1]), [Demand((0,), (1,))], aliases, set()
    )
    plan = planned(program)
    obey(program, plan)
    places = [(plan.places[k].array, plan.places[k].offset) for k in program.graph.outputs]
    assert places == [(0, 0), (0, 12), (1, 20), (1, 0), (1, 0)]


def test_thousands_of_steps_are_planned_at_once() -> None:
    plan = planned(chain(steps=20_000, inplace=False))
    assert plan.arena == 2 * 448
