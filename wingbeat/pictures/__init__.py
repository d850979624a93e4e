"""Pictures of what the other folders compute: each function returns a matplotlib `Figure`.

>>> import wingbeat as wb
>>> def f(x):
...     return (x - 1.0) ** 2 + 0.001
>>> picture = wb.pictures.descent(f, wb.minimize(f, 0.2, "gradient-descent", rate=0.1, steps=3))
>>> picture.save("descent.svg")
>>> a = wb.attribution.gradient(lambda x: x.sum(axis=(1, 2)), np.ones((1, 2, 2)))
>>> wb.pictures.attribution.maps([a]).savefig("gradient.svg")
"""

from wingbeat.pictures import attribution
from wingbeat.pictures._activations import activations
from wingbeat.pictures._descent import descent
from wingbeat.pictures._flow import gradient_flow
from wingbeat.pictures._frame import Picture, ending
from wingbeat.pictures._landscape import direction, landscape
from wingbeat.pictures._linear_map import linear_map
from wingbeat.pictures._paths import paths
from wingbeat.pictures._rates import condition, rates
from wingbeat.pictures._search import search
from wingbeat.pictures._spectrum import spectrum
from wingbeat.pictures._steps import steps

__all__ = [
    "Picture",
    "activations",
    "attribution",
    "condition",
    "descent",
    "direction",
    "ending",
    "gradient_flow",
    "landscape",
    "linear_map",
    "paths",
    "rates",
    "search",
    "spectrum",
    "steps",
]
