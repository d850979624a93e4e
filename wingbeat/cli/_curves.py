"""The picture of a run: loss and score by epoch, of training and of test data."""

import io
from pathlib import Path

import wingbeat as wb

_TRAIN, _OTHER = "#1f5fa8", "#c8501e"  # told apart in grey too, as the second one is dashed


def draw(history: "wb.train.History", path: Path, title: str, other: str) -> None:
    """Writes a PNG with a panel for the loss and one for the first metric.

    Args:
        history: of the run; its epochs are drawn.
        path: of the picture.
        title: above it.
        other: what the data of the columns `val_...` are called: "test" or "validation".
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = history.epochs
    names = [n.removeprefix("val_") for n in epochs.columns if n.startswith("val_")][:2]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)  # a folder may be called a$b
    for k, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), k + 1)
        for column, label, style in ((name, "train", "-o"), (f"val_{name}", other, "--s")):
            colour = _TRAIN if column == name else _OTHER
            axes.plot(
                epochs["epoch"], epochs[column], style, color=colour, label=label, markersize=3
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel("R²" if name == "r2" else name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    wb.train.write_file(path, picture.getvalue())
