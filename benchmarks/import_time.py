"""How long `import wingbeat` takes: the median of ten new interpreters, beside `import numpy`."""

import os
import subprocess
import sys
from statistics import median

RUNS = 10
CODE = "from time import perf_counter as t; a = t(); import {}; print(t() - a)"


def milliseconds(module: str) -> float:
    command = [sys.executable, "-c", CODE.format(module)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # compiled once, as after installing
    runs = [
        subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
        for _ in range(RUNS)
    ]
    return 1000 * median(float(run.stdout) for run in runs)


if __name__ == "__main__":
    numpy, wingbeat = milliseconds("numpy"), milliseconds("wingbeat")
    print(f"import numpy     {numpy:6.1f} ms")
    print(f"import wingbeat  {wingbeat:6.1f} ms, {wingbeat / numpy:.2f} times NumPy's")
