"""What the page shows is there in Chinese too: rules' reasons and conventions, every other text."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.networks import transformer
from tests.ops.cases import ALL
from wingbeat import nn
from wingbeat.api.conventions import Touched
from wingbeat.api.decisions import LONE
from wingbeat.explain import Explanation
from wingbeat.explain._sentences import SENTENCES
from wingbeat.explain._told import known, told
from wingbeat.explain.html import fragment
from wingbeat.explain.whole import on_page
from wingbeat.explain.words import CHINESE, Said, within
from wingbeat.ir import Primitive
from wingbeat.ir.node import Absent

# --- what rules say ----------------------------------------------------------------------------


def texts_of(p: Primitive) -> Iterator[str]:
    """The English that a primitive's record has for its users."""
    for rule in (p.jvp, p.vjp):
        if isinstance(rule, Absent):
            yield rule.reason
    if p.kink is not None:
        yield p.kink.convention


TEXTS = sorted({LONE, *(text for p in ALL for text in texts_of(p))})


@pytest.mark.parametrize("text", TEXTS)
def test_every_reason_and_convention_has_its_chinese(text: str) -> None:
    assert known(text), f"wingbeat/explain/_told.py lacks the Chinese of {text!r}"


def test_a_new_convention_is_noticed() -> None:
    assert len(TEXTS) > 20
    assert not known("as the user likes")
    assert told("as the user likes").zh == "as the user likes"


def test_a_kink_is_told_in_chinese_as_the_gradient_tells_it() -> None:
    node = wb.explain(lambda x: wb.sum(abs(x)))(np.zeros(3))._builder.root.inputs[0]
    for sure, zh in (
        (True, "abs 在 3 个元素中的 2 个处不可导；采用的约定：0"),
        (False, "abs 在 3 个元素中的 2 个处可能不可导；采用的约定：0"),
    ):
        assert told(str(Touched(node, 2, "0", sure)).splitlines()[0]).zh == zh


def test_sentences_are_texts() -> None:
    e = wb.explain("z=abs(x)", x=0)
    (kink,) = e.model.kinks
    assert kink == "in z=abs(x) at x = 0: abs has no derivative; used: 0"
    assert isinstance(kink, Said)
    assert kink.zh == "在 z=abs(x) 处，x = 0：abs 在此处不可导；采用的约定：0"
    assert within("x", CHINESE) == "x"


# --- whole pages -------------------------------------------------------------------------------


def mlp() -> Explanation:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    return wb.explain(lambda model, x: wb.mean(model(x) ** 2))(model, x)


def residual() -> Explanation:
    layer = nn.Linear(3, 3)
    return wb.explain(lambda layer, x: wb.sum(wb.relu(x + layer(x))))(layer, np.zeros((2, 3)))


def chain(x: Any) -> Any:
    for _ in range(100):
        x = wb.sin(x) + 0.1 * x
    return x


def thresholds() -> Explanation:
    draw = np.random.default_rng(6).normal
    v, gamma, w, theta = draw(size=(3, 4)), draw(size=4), draw(size=(4, 2)), draw(size=2)

    def error(v: Any, gamma: Any, w: Any, theta: Any) -> Any:
        h = wb.sigmoid(np.ones(3) @ v - gamma)
        return wb.sum((h[0] + wb.sigmoid(h @ w - theta) - 1.0) ** 2) / 2

    return wb.explain(error)(v, gamma, w, theta)


PAGES: dict[str, Callable[[], Explanation]] = {
    "worked": lambda: wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4),
    "formulas alone": lambda: wb.explain("x=2*w+b; y=b+1; z=x*y"),
    "three inputs": lambda: wb.explain("p=3*x; q=-2*x; z=p+q*y*u", x=1, y=2, u=3),
    "kink": lambda: wb.explain("z=abs(x)*2", x=0),
    "kinks of arrays": lambda: wb.explain("z=sum(max(x, y))", x=[1, 2], y=[1, 3]),
    "jump": lambda: wb.explain("z=floor(x)*x + sqrt(x-2)", x=2),
    "decision": lambda: wb.explain("z=where(x<1, x, y)*2", x=0.5, y=1, detail="all"),
    "integer valued": lambda: wb.explain(lambda x: wb.sum(x) * wb.argmax(x))(np.arange(3.0)),
    "integers between": lambda: wb.explain(
        lambda x, y: wb.astype(wb.argsort(x)[0], "float64") * y, detail="all"
    )(np.arange(3.0), 2.0),
    "not finite": lambda: wb.explain("u=log(x); v=u*0; z=v+x", x=0),
    "not asked": lambda: wb.explain("u=x*y; z=u+y", x=1, y=2, wrt="x"),
    "many ways": lambda: wb.explain(chain)(0.3),
    "many inputs": lambda: wb.explain(
        "z=" + "+".join(f"{k}*v{k}" for k in range(40)), **{f"v{k}": 1.0 for k in range(40)}
    ),
    "mlp": mlp,
    "residual": residual,
    "thresholds": thresholds,
    "transformer": lambda: transformer(3),
}
# Notation, units and proper names.
NEUTRAL = {
    *("LaTeX", "derivation", "roofline", "Horowitz", "exp", "dX", "NaN", "inf", "nan"),
    *("True", "False", "pJ", "nJ", "uJ", "mJ", "ns", "us", "ms", "nm"),
}


class Text(HTMLParser):
    """The text outside of code, and the attributes that are read to people."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in ("pre", "style")
        self.found += [v or "" for k, v in attrs if k in ("aria-label", "title", "alt")]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("pre", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.found.append(data)


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]{2,}", text))


def names(e: Explanation) -> set[str]:
    """The words that a user wrote, or that operations are called by."""
    model = e.model
    parts = [model.result]
    for s in model.steps:
        parts += [s.name, s.formula, s.line, s.type, *s.operations]
    parts += [edge.formula for edge in model.edges]
    parts += [f"{row.name} {row.kind}" for row in e.layers()]
    own = set(re.findall("[A-Za-z]+", " ".join(parts)))
    return own | {f"d{word}" for word in own} | {p.name for p in ALL}


def english_left(e: Explanation) -> set[str]:
    reader = Text()
    reader.feed(fragment(on_page(e), e.model, CHINESE))
    whole = re.sub(r"\S*…\S*", "", " ".join(reader.found))  # cut names are no words
    return words(whole) - NEUTRAL - names(e)


@pytest.mark.parametrize("name", PAGES)
def test_no_english_is_left_on_the_chinese_page(name: str) -> None:
    assert english_left(PAGES[name]()) == set()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_both_languages_has_each_text_in_both(name: str) -> None:
    """Of every sentence there are two spans beside each other, and only one is Chinese."""
    page = PAGES[name]().html()
    pairs = re.findall(
        r'<span class="t" lang="en">(.*?)</span><span class="t" lang="zh-CN">(.*?)</span>', page
    )
    assert len(pairs) > 10
    for en, zh in pairs:
        assert not re.search("[\u4e00-\u9fff]", en)
        assert zh != en


def test_english_that_is_left_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    e = wb.explain("z=abs(x)*2", x=0)
    kink = e.model.kinks[0]
    object.__setattr__(e.model, "kinks", (str(kink),))
    assert {"has", "derivative", "used"} <= english_left(e)
    monkeypatch.setitem(SENTENCES, "graph", ("Graph", "still English"))
    assert english_left(wb.explain("z=x*x", x=2)) == {"still", "English"}


def test_what_is_no_float_is_said_in_chinese() -> None:
    e = wb.explain("k=int(x); z=where(x>1, k*x, x)", x=2, detail="all")
    (truth,) = [s for s in e.steps if s.type == "bool[]"]
    assert truth.why.zh == "没有导数：取值是真或假"  # type: ignore[attr-defined]
    assert e.step("k").why.zh == "没有导数：取值是整数"  # type: ignore[attr-defined]
    assert "bool[] 没有导数" not in e.html("zh")


def test_an_operation_is_shown_by_its_sign() -> None:
    text = "b=1/(1+exp(-2.5*x+0.123456)); z=b*b"
    page = wb.explain(text, x=2).html("zh")
    assert "b = …/…" in page
    assert "b: div" not in page
