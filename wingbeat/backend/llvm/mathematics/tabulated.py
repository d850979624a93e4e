"""tanh of float32 by a table in registers.

Sixteen intervals, each with a polynomial around a number near its middle: one whose tanh is all but
a float32, so that rounding the last coefficient costs nothing. The interval of x is in the top bits
of |x| + 5/8. A table is looked up by one instruction, and nothing is divided: half the work of
`hyperbolic.tanh`, which serves where there is no such instruction, and more exact.
"""

from __future__ import annotations

from wingbeat.backend.llvm.lanes import F32, I32, Lanes, Vector

SHIFT = 0.625  # to what |x| is added ...
BITS = 21  # ... and which bits of the sum, the lowest four above these, are the interval
LAST = 9.25  # beyond, tanh is 1
# The middle, and the polynomial, the highest power first: Remez's exchange. At 0 it is x (1 + ...).
INTERVALS = """
1.6246897 0.004240124 0.0011528105 -0.025226418 0.075204186 -0.13307394 0.14381686 0.9253016
2.1244555 -0.0005299663 0.0044545843 -0.014992017 0.033933256 -0.053958714 0.05552209 0.9718425
2.6243644 -0.0006330617 0.0023603744 -0.0064325226 0.013432221 -0.02058023 0.020797653 0.98954654
3.1243455 -0.00030477872 0.0009754845 -0.0024981485 0.005075239 -0.0076724146 0.007702126 0.9961415
3.8743114 -7.7168675e-5 0.00023600389 -0.00057072646 0.0011451367
    -0.0017223912 0.0017238912 0.9991377
4.8737054 -1.0746177e-5 3.2421485e-5 -7.778547e-5 0.00015561876
    -0.0002337328 0.00023376095 0.9998831
5.8744674 -1.5173041e-6 4.3549226e-6 -1.0491067e-5 2.1047872e-5 -3.15943e-5 3.1590433e-5 0.9999842
6.7837377 -1.9961412e-7 7.0013243e-7 -1.7156035e-6 3.4161035e-6
    -5.1257325e-6 5.1260263e-6 0.99999744
8.31775 -1.2286268e-8 3.6710105e-8 -7.836005e-8 1.567751e-7 -2.3865118e-7 2.3865957e-7 0.9999999
0 -0.019520378 0.13598317 -0.00016386287 -0.3333289 -3.8978673e-8 1 0
0.1874577 -0.027813444 0.101843916 0.11298059 -0.28876 -0.17893048 0.9656668 0.18529235
0.31241217 -0.052904118 0.050567325 0.15799221 -0.21963248 -0.2749135 0.90841514 0.30262995
0.4998333 -0.04915946 -0.026022272 0.16467461 -0.09432434 -0.36338374 0.78656894 0.46198604
0.74983215 -0.001359222 -0.06360743 0.09980713 0.041741073 -0.37894186 0.596713 0.6350488
0.999691 0.018627008 -0.046237297 0.027787955 0.103568956 -0.31994605 0.42017204 0.76146436
1.2496904 0.015123562 -0.019186152 -0.012556173 0.10832405 -0.23797196 0.2805622 0.8481968
"""
_NUMBERS = [float(word) for word in INTERVALS.split()]
MIDDLE, *POLYNOMIAL = (_NUMBERS[k::8] for k in range(8))


def tanh(s: Lanes, x: Vector) -> Vector:
    size = s.abs(x)
    near = s.select(s.compare("<", LAST, size), LAST, size)
    interval = s.bits(">>", s.bitcast(s.add(near, SHIFT), I32), BITS)
    t = s.sub(near, s.lookup(MIDDLE, interval, F32))
    z, *rest = (s.lookup(row, interval, F32) for row in POLYNOMIAL)
    for c in rest:
        z = s.fma(z, t, c)
    return s.copysign(z, x)
