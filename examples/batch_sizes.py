"""Single-sample, mini-batch and full-batch gradient descent: same data, same initial weights.

    python examples/batch_sizes.py [PICTURE.png]

All three see the same number of samples at the same rate. One sample at a time gives many steps,
each of them noisy; all samples at once give few, each of them exact; a mini-batch lies between, and
costs far less time than the first.
"""

import sys
import time

import wingbeat as wb
from wingbeat import data, nn, optim

SIZES = {"single sample": 1, "mini-batch of 32": 32, "full batch": 1438}
EPOCHS, RATE = 5, 0.1


def curve(size: int, epochs: int = EPOCHS) -> wb.train.History:
    """The history of training with batches of one size."""
    train, _ = data.digits()
    wb.random.seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    return wb.train.fit(
        model,
        data.DataLoader(train, batch_size=size, seed=0),
        nn.CrossEntropyLoss(),
        optim.SGD(model.parameters(), lr=RATE),
        epochs=epochs,
        validation=train,  # the loss of all samples, whatever the batches were
        progress=False,
    )


def main() -> None:
    """Prints the three curves, and draws them where a file is named."""
    curves, seconds = {}, {}
    for name, size in SIZES.items():
        begin = time.perf_counter()
        curves[name] = curve(size)
        seconds[name] = time.perf_counter() - begin
    print(f"{'loss after epoch':<18}" + "".join(f"{k:>8}" for k in range(1, EPOCHS + 1)))
    for name, history in curves.items():
        print(f"{name:<18}" + "".join(f"{loss:>8.4f}" for loss in history.epochs["val_loss"]))
    for name, history in curves.items():
        print(f"{name:<18} {len(history.steps):>6} steps in {seconds[name]:.1f} s")
    if len(sys.argv) > 1:
        draw(curves, sys.argv[1])


def draw(curves: dict[str, wb.train.History], picture: str) -> None:
    """The loss of every batch as it was met, and of all samples after each epoch."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, history in curves.items():
        seen = history.steps["samples"].cumsum() / 1438
        left.plot(
            seen, history.steps["loss"], label=name, linewidth=0.8, zorder=-len(history.steps)
        )
        right.plot(history.epochs["epoch"], history.epochs["val_loss"], "-o", label=name)
    left.set(xlabel="epochs", ylabel="loss of the batch", yscale="log", ylim=(1e-3, 10))
    right.set(xlabel="epoch", ylabel="loss of all samples")
    right.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
