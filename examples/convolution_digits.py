"""A small convolutional network, after LeNet, learns the digits that scikit-learn ships.

    python examples/convolution_digits.py [EPOCHS]

Two convolutions find strokes and what these form; pooling makes them insensitive to small shifts.
What is printed shows it: shifting every test image by one pixel costs the network far less than it
costs a linear classifier that was trained on the same images.
"""

import sys

import numpy as np

import wingbeat as wb
from wingbeat import data, nn, optim

EPOCHS = 12


def convolutional() -> nn.Module:
    """8x8 pixels -> 16 maps of 8x8 -> 4x4 -> 32 maps of 4x4 -> 2x2 -> 10 scores."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 2 * 2, 10),
    )


def linear() -> nn.Module:
    """What there is to compare with."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def trained(model: nn.Module, epochs: int) -> nn.Module:
    """The model after `epochs` epochs of Adam; images have shape (n, 1, 8, 8)."""
    train, _ = data.digits()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    loss_function = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for x, y in data.DataLoader(train, batch_size=32, seed=0):
            optimizer.zero_grad()
            loss_function(model(x.reshape(-1, 1, 8, 8)), y).backward()
            optimizer.step()
    return model


def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """How many labels the largest scores name."""
    with wb.no_grad():
        scores = model(images)
    return float((wb.argmax(scores, axis=1).numpy() == labels).mean())


def main(epochs: int = EPOCHS) -> dict[str, tuple[float, float]]:
    """Prints, and returns, each model's accuracy on the test images as they are and shifted."""
    _, test = data.digits()
    images = test.x.reshape(-1, 1, 8, 8)
    shifted = np.roll(images, 1, axis=3)
    found: dict[str, tuple[float, float]] = {}
    for make in (convolutional, linear):
        wb.random.seed(0)
        model = trained(make(), epochs)
        found[make.__name__] = accuracy(model, images, test.y), accuracy(model, shifted, test.y)
        parameters = sum(p.size for p in model.parameters())
        print(f"{make.__name__:<14} {parameters:>6,} parameters", end="  ")
        print("test accuracy {:6.2%}, shifted by a pixel {:6.2%}".format(*found[make.__name__]))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EPOCHS)
