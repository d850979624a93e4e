"""Data sets (`digits`, `mnist`, `csv`, `read_idx`) and the `DataLoader` that makes batches of them.

Nothing is fetched from a network: `digits` comes with scikit-learn, the others read your files.
"""

from wingbeat.data._csv_load import csv
from wingbeat.data._dataset import Dataset
from wingbeat.data._digits import digits
from wingbeat.data._idx import read_idx
from wingbeat.data._loader import DataLoader
from wingbeat.data._mnist import mnist

__all__ = ["DataLoader", "Dataset", "csv", "digits", "mnist", "read_idx"]
