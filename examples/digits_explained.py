"""What a classifier of digits looks at, how little fools it, and how to train it against that.

    python examples/digits_explained.py [FOLDER]

Trains a network on the digits that scikit-learn ships, explains what it says of test images
(gradient, gradient x input, integrated gradients, SmoothGrad, occlusion, units of the hidden
layer), attacks it (FGSM, PGD, the smallest change), trains a second one on attacked images, and
prints the accuracy of both. Pictures are saved in FOLDER ("digits_explained" by default).
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import attribution, data, nn, optim, pictures, robust

RADIUS = 0.1  # how much a pixel may change, of 0 (white) to 1 (black)
EPOCHS = 10
ATTACKS = {
    "FGSM": partial(robust.fgsm, radius=RADIUS, bounds=(0, 1)),
    "PGD": partial(robust.pgd, radius=RADIUS, bounds=(0, 1), steps=20),
}


def trained(attack: Any = None) -> nn.Module:
    """A network of one hidden layer, trained on the digits; on attacked ones where asked for."""
    train, _ = data.digits()
    wb.random.seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    loader = data.DataLoader(train, batch_size=64, seed=0)
    batches = loader if attack is None else robust.adversarial(loader, model, attack)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    wb.train.fit(model, batches, nn.CrossEntropyLoss(), optimizer, epochs=EPOCHS, progress=False)
    return model


def explained(model: nn.Module, images: np.ndarray) -> dict[str, Any]:
    """Prints how complete the parts of each method are; returns pictures by name."""
    parts = [
        attribution.gradient(model, images),
        attribution.gradient_times_input(model, images),
        attribution.integrated_gradients(model, images),
        attribution.smooth_grad(model, images),
    ]
    checks = {
        f"occlusion_{k}": attribution.occlusion(model, images, patch=2, against=parts[k])
        for k in (1, 2)
    }
    hidden = attribution.conductance(model, images, "2")
    print(parts[2], hidden, *checks.values(), sep="\n\n", end="\n\n")
    draw = pictures.attribution
    return {
        "attributions": draw.maps(parts),
        "units": draw.units(hidden),
        **{name: draw.occlusion(check) for name, check in checks.items()},
    }


def attacked(models: dict[str, nn.Module], images: np.ndarray, labels: np.ndarray) -> Any:
    """Prints each model's accuracy under attack; returns the accuracies and pictures, by name."""
    draw = pictures.attribution
    found = {name: robust.accuracy(m, images, labels, ATTACKS) for name, m in models.items()}
    nearest = {
        name: robust.minimal(m, images, labels, norm=np.inf, bounds=(0, 1))
        for name, m in models.items()
    }
    for name in models:
        print(f"{name}: {found[name]}\n{nearest[name].notes[-1]}\n")
    plain = next(iter(models))
    drawn = {name.lower(): draw.attack(a) for name, a in found[plain].attacks.items()}
    drawn["minimal"] = draw.attack(robust.minimal(models[plain], images, labels, bounds=(0, 1)))
    drawn["accuracies"] = draw.accuracies(found)
    drawn["distances"] = draw.distances(nearest)
    return {name: r.accuracy for name, r in found.items()}, drawn


def main(folder: str = "digits_explained") -> dict[str, dict[str, float]]:
    """Prints and draws all of it; returns the accuracies by model and attack."""
    _, test = data.digits()
    training = partial(robust.pgd, radius=RADIUS, bounds=(0, 1), steps=7)
    models = {"plain": trained(), "trained against PGD": trained(training)}
    drawn = explained(models["plain"], test.images[:20])
    accuracies, more = attacked(models, test.images, test.y)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, figure in (drawn | more).items():
        figure.save(Path(folder) / f"{name}.png")
        figure.save(Path(folder) / f"{name}.svg")
    print(f"{len(drawn | more)} pictures are in {folder}, as PNG and SVG")
    return accuracies


if __name__ == "__main__":
    main(*sys.argv[1:2])
