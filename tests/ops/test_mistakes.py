"""The laws can fail: each rule of each primitive, made slightly wrong, is noticed by its law."""

import pytest

from tests.ops.cases import ALL
from tests.ops.mistakes import NOTICED_BY, Mistake, mistakes, noticed

MISTAKES = list(mistakes())


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_mistake_is_noticed(mistake: Mistake) -> None:
    assert noticed(mistake)


def test_every_primitive_has_mistakes_planted() -> None:
    assert {m.p for m in MISTAKES} == {p for p in ALL if p.expand is None}
    assert {m.field for m in MISTAKES} == set(NOTICED_BY)
