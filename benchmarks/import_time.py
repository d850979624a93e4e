"""How long `import wingbeat` and its first use take: medians of ten runs, beside NumPy's import."""

import os
import subprocess
import sys
from statistics import median

RUNS = 10
CODE = "from time import perf_counter as t; a = t(); {}; print(t() - a)"


def milliseconds(statement: str) -> float:
    command = [sys.executable, "-c", CODE.format(statement)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # compiled once, as after installing
    runs = [
        subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
        for _ in range(RUNS)
    ]
    return 1000 * median(float(run.stdout) for run in runs)


if __name__ == "__main__":
    numpy = milliseconds("import numpy")
    wingbeat = milliseconds("from wingbeat import Tensor")
    print(f"import numpy                 {numpy:6.1f} ms")
    print(f"from wingbeat import Tensor  {wingbeat:6.1f} ms, {wingbeat / numpy:.2f} times NumPy's")
