"""Training: `fit`, `evaluate`, metrics, early stopping, histories, checkpoints to go on from."""

from wingbeat.train._checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from wingbeat.train._confusion import Confusion
from wingbeat.train._evaluate import evaluate
from wingbeat.train._files import write_file
from wingbeat.train._fit import fit
from wingbeat.train._history import History, Table
from wingbeat.train._metrics import Metric, accuracy, confusion, mae, mean_loss, r2
from wingbeat.train._stopping import EarlyStopping

__all__ = [
    "Checkpoint",
    "Confusion",
    "EarlyStopping",
    "History",
    "Metric",
    "Table",
    "accuracy",
    "confusion",
    "evaluate",
    "fit",
    "load_checkpoint",
    "mae",
    "mean_loss",
    "r2",
    "save_checkpoint",
    "write_file",
]
