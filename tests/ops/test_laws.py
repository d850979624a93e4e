"""Generated from the table of primitives: a new one is tested without touching this file."""

import pytest

from tests.ops.cases import Case, every_case
from tests.ops.laws import LAWS, Law


@every_case
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_law(law: Law, case: Case) -> None:
    law(case)
