"""Pictures of what the other folders compute: one function each, which returns a matplotlib `Figure`.

>>> import wingbeat as wb
>>> a = wb.attribution.gradient(lambda x: x.sum(axis=(1, 2)), np.ones((1, 2, 2)))
>>> wb.pictures.attribution.maps([a]).savefig("gradient.svg")
"""

from wingbeat.pictures import attribution

__all__ = ["attribution"]
