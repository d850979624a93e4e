"""`wb.attribution`: which inputs and units a model's score comes from, checked as far as it can be.

Methods take a model (an `nn.Module` or a function), examples (n, ...) and the classes whose scores
are explained; results hold arrays and print as tables.

>>> import wingbeat as wb
>>> f = lambda x: x[:, 0] * x[:, 1]
>>> wb.attribution.integrated_gradients(f, np.array([[2.0, 3.0]]))
integrated gradients: 1 example of 2 numbers
<BLANKLINE>
example  class  score  baseline  sum of parts  missing  strongest parts
-------  -----  -----  --------  ------------  -------  ---------------
      0      0      6         0             6        0  [0] +3, [1] +3
<BLANKLINE>
The parts sum to score - baseline: at most 0 of their size is missing (asked for: 0.001) with
up to 32 steps.
"""

from wingbeat.explain._attribution_gradients import gradient, gradient_times_input, smooth_grad
from wingbeat.explain._attribution_occlusion import occlusion
from wingbeat.explain._attribution_path import conductance, integrated_gradients
from wingbeat.explain._attribution_record import Attribution, Conductance, Occlusion

__all__ = [
    "Attribution",
    "Conductance",
    "Occlusion",
    "conductance",
    "gradient",
    "gradient_times_input",
    "integrated_gradients",
    "occlusion",
    "smooth_grad",
]
