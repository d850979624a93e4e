"""Imported first: everything that this process runs has one thread, on one core."""

import os

for _library in ("OMP", "OPENBLAS", "WINGBEAT"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX knows no other way
