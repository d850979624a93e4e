"""A two-layer network of sigmoid neurons: the textbook's formulas against the engine.

    alpha_h = sum_i v_ih x_i          b_h    = s(alpha_h - gamma_h)
    beta_j  = sum_h w_hj b_h          yhat_j = s(beta_j - theta_j)
    E = 1/2 sum_j (yhat_j - y_j)^2

By hand, with g_j = yhat_j (1 - yhat_j) (yhat_j - y_j) and e_h = b_h (1 - b_h) sum_j g_j w_hj:

    dE/dw_hj = g_j b_h      dE/dtheta_j = -g_j
    dE/dv_ih = e_h x_i      dE/dgamma_h = -e_h

Run it to see both sets of numbers, the derivation of dE/dv_11 in these symbols, and the formulas
above as they come out of the engine.
"""

import numpy as np

import wingbeat as wb


def expression(inputs: int, hidden: int, outputs: int) -> str:
    """The network as text, one statement for each quantity above."""
    i, h, j = range(1, inputs + 1), range(1, hidden + 1), range(1, outputs + 1)
    lines = [f"alpha_{b} = " + " + ".join(f"v_{a}{b}*x_{a}" for a in i) for b in h]
    lines += [f"b_{b} = sigmoid(alpha_{b} - gamma_{b})" for b in h]
    lines += [f"beta_{c} = " + " + ".join(f"w_{b}{c}*b_{b}" for b in h) for c in j]
    lines += [f"yhat_{c} = sigmoid(beta_{c} - theta_{c})" for c in j]
    lines.append("E = (" + " + ".join(f"(yhat_{c} - y_{c})**2" for c in j) + ")/2")
    return "; ".join(lines)


def values(seed: int, inputs: int, hidden: int, outputs: int) -> dict[str, float]:
    """A random network, a random example and its targets; every size below 10."""
    draw = np.random.default_rng(seed).normal
    i, h, j = range(1, inputs + 1), range(1, hidden + 1), range(1, outputs + 1)
    names = [f"x_{a}" for a in i] + [f"v_{a}{b}" for b in h for a in i]
    names += [f"gamma_{b}" for b in h] + [f"w_{b}{c}" for c in j for b in h]
    names += [f"theta_{c}" for c in j] + [f"y_{c}" for c in j]
    return {name: float(draw()) for name in names}


def by_hand(n: dict[str, float], inputs: int, hidden: int, outputs: int) -> dict[str, float]:
    """The closed formulas, in NumPy alone."""
    i, h, j = range(1, inputs + 1), range(1, hidden + 1), range(1, outputs + 1)

    def s(x: float) -> float:
        return float(1 / (1 + np.exp(-x)))

    b = {k: s(sum(n[f"v_{a}{k}"] * n[f"x_{a}"] for a in i) - n[f"gamma_{k}"]) for k in h}
    yhat = {c: s(sum(n[f"w_{k}{c}"] * b[k] for k in h) - n[f"theta_{c}"]) for c in j}
    g = {c: yhat[c] * (1 - yhat[c]) * (yhat[c] - n[f"y_{c}"]) for c in j}
    e = {k: b[k] * (1 - b[k]) * sum(g[c] * n[f"w_{k}{c}"] for c in j) for k in h}
    found = {f"w_{k}{c}": g[c] * b[k] for k in h for c in j}
    found |= {f"theta_{c}": -g[c] for c in j}
    found |= {f"v_{a}{k}": e[k] * n[f"x_{a}"] for a in i for k in h}
    return found | {f"gamma_{k}": -e[k] for k in h}


# Which indices each quantity has, and below which gradients have names of their own.
LETTERS = {
    **{"v": "ih", "x": "i", "alpha": "h", "gamma": "h", "b": "h", "e": "h"},
    **{"w": "hj", "beta": "j", "theta": "j", "yhat": "j", "y": "j", "g": "j"},
}


def symbols(inputs: int, hidden: int, outputs: int) -> dict[str, str]:
    """g_j is dE/dbeta_j, and e_h is dE/dalpha_h."""
    named = {f"g_{c}": f"beta_{c}" for c in range(1, outputs + 1)}
    return named | {f"e_{b}": f"alpha_{b}" for b in range(1, hidden + 1)}


def main() -> None:
    """Compare, and print the derivation and the closed formulas."""
    sizes = (2, 2, 2)
    numbers = values(0, *sizes)
    explanation = wb.explain(expression(*sizes), **numbers)
    print(f"{'':10}{'by hand':>14}{'engine':>14}")
    for name, gradient in by_hand(numbers, *sizes).items():
        print(f"dE/d{name:<8}{gradient:12.8f}  {explanation.gradient(name):12.8f}")
        assert np.isclose(gradient, explanation.gradient(name), rtol=1e-12, atol=1e-15)
    print()
    print(explanation.derivation("v_11"))
    print()
    for left, right in explanation.general(
        LETTERS, symbols(*sizes), list(by_hand(numbers, *sizes))
    ):
        print(f"{left:12} = {right}")


if __name__ == "__main__":
    main()
