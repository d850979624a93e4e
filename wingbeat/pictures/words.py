"""What is written into pictures, in English and in Chinese: every sentence once, in both."""

from __future__ import annotations

from wingbeat.errors import BadInput

LANGUAGES = ("en", "zh")


class Words:
    """The sentences in one language, by key, with their blanks filled.

    >>> Words("zh")("step")
    '步数'
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise BadInput(f"picture: language is 'en' or 'zh', not {language!r}")
        self.language = language

    def __call__(self, key: str, **parts: object) -> str:
        """The sentence of this key."""
        return SENTENCES[key][LANGUAGES.index(self.language)].format(**parts)

    def each(self, sentences: list[str]) -> str:
        """Clauses as one sentence."""
        return ("；" if self.language == "zh" else "; ").join(sentences)

    def sentence(self, clauses: list[str]) -> str:
        """Clauses as one sentence, with its full stop."""
        return self.each(clauses) + ("。" if self.language == "zh" else ".")


SENTENCES: dict[str, tuple[str, str]] = {
    # Axes and marks that several pictures have.
    "step": ("step", "步数"),
    "evaluation": ("evaluation (number)", "求值序号"),
    "accepted": ("accepted", "接受"),
    "rejected": ("tried and rejected", "尝试后放弃"),
    "start": ("start", "起点"),
    "value": ("f (value of the function)", "f（函数值）"),
    "x": ("x (the variable)", "x（自变量）"),
    "x1": ("x₁ (first variable)", "x₁（第一个变量）"),
    "x2": ("x₂ (second variable)", "x₂（第二个变量）"),
    # Counts and verdicts of searches.
    "values": ("{n} values", "{n} 次函数值"),
    "gradients": ("{n} gradients", "{n} 次梯度"),
    "products": ("{n} Hessian products", "{n} 次 Hessian 向量积"),
    "hessians": ("{n} Hessians", "{n} 次 Hessian"),
    "jacobians": ("{n} Jacobians", "{n} 次 Jacobian"),
    "minimum": ("minimum", "极小值"),
    "saddle": ("saddle", "鞍点"),
    "maximum": ("maximum", "极大值"),
    "kink": ("kink", "折点"),
    "flat valley": ("flat valley", "平坦谷底"),
    "unbounded": ("unbounded", "无下界"),
    "noise floor": ("noise floor", "已到舍入误差"),
    "inconsistent gradient": ("inconsistent gradient", "梯度与函数不符"),
    "undecided": ("undecided", "无法判定"),
    "not finished": ("not finished", "尚未完成"),
    # Descent on a curve.
    "descent": ("Descent: step against the slope", "梯度下降：沿斜率的反方向走"),
    "curve": ("f", "f"),
    "tangent": ("tangent", "切线"),
    "jump": ("jump of the step", "这一步的跳跃"),
    "descent step": ("slope {slope}\nstep {move}", "斜率 {slope}\n步长 {move}"),
    "descent says": (
        "from x = {x} (slope {slope}) the first step goes to x = {to}, and f from {f} to {fto}",
        "从 x = {x}（斜率 {slope}）出发，第一步走到 x = {to}，f 由 {f} 变为 {fto}",
    ),
    "descent all": (
        "The curve of a function of one variable, with tangents and jumps: {each}.",
        "一元函数的曲线，画出切线与跳跃：{each}。",
    ),
    # Paths.
    "paths": ("Ways to the minimum", "通往极小值的路径"),
    "from above": ("From above", "俯视图"),
    "surface": ("The surface", "曲面"),
    "height": ("f (value)", "f（函数值）"),
    "log height": ("log₁₀(1 + f − lowest)", "log₁₀(1 + f − 最小值)"),
    "path": ("{name}: {counts} → {verdict}", "{name}：{counts} → {verdict}"),
    "paths says": (
        "Contour lines and surface of a function of two variables with the paths of several "
        "methods: {paths}",
        "二元函数的等高线与曲面，以及几种方法的路径：{paths}",
    ),
    # Steps.
    "steps": ("Every evaluation of {method}", "{method} 的每次求值"),
    "length": ("distance moved or tried", "移动（或尝试移动）的距离"),
    "predicted": ("predicted decrease of f", "f 的预测下降量"),
    "actual": ("actual decrease of f", "f 的实际下降量"),
    "as predicted": ("exactly as predicted", "与预测完全一致"),
    "rose": ("below 0: f rose", "0 以下：f 上升"),
    "no prediction": ("this method predicts no decrease", "该方法不预测下降量"),
    "steps says": (
        "steps taken: {accepted}; tries rejected: {rejected}; f went from {first} to {last}.",
        "接受了 {accepted} 步，放弃了 {rejected} 次尝试；f 从 {first} 变为 {last}。",
    ),
    # Rates.
    "rates": ("The learning rate", "学习率"),
    "too small": ("too small", "太小"),
    "right": ("right", "合适"),
    "too large": ("too large", "太大"),
    "rate fell": (
        "rate {rate}, {how}: f fell by {share} %",
        "学习率 {rate}，{how}：f 下降了 {share}%",
    ),
    "rate grew": (
        "rate {rate}, {how}: f grew to {times} times its start",
        "学习率 {rate}，{how}：f 增至起始值的 {times} 倍",
    ),
    "rates panel": ("rate {rate}: {how}", "学习率 {rate}：{how}"),
    "above minimum": ("f − its minimum", "f − 极小值"),
    "above lowest": ("f − lowest value seen", "f − 所见最小值"),
    "edge": (
        "at the start f curves with {curvature}: rates above 2 / {curvature} = {edge} grow",
        "起点处的曲率为 {curvature}：学习率超过 2 / {curvature} = {edge} 就会发散",
    ),
    # Condition number.
    "condition": (
        "The condition number κ, and how fast descent can be",
        "条件数 κ 与下降的最快速度",
    ),
    "condition panel": (
        "κ = {number}, rate {rate}\n{steps} steps for each further digit",
        "κ = {number}，学习率 {rate}\n每多一位精度需要 {steps} 步",
    ),
    "distance": ("distance to the minimum (start = 1)", "到极小点的距离（起始 = 1）"),
    "condition measured": ("κ = {number}, measured", "κ = {number}，实测"),
    "bound": ("((κ − 1) / (κ + 1))ᵏ, step k", "((κ − 1) / (κ + 1))ᵏ，第 k 步"),
    "condition says": (
        "Gradient descent at its best rate on quadratics: {each}",
        "在二次函数上以最佳学习率做梯度下降：{each}",
    ),
    "condition each": (
        "condition number {number}: after {count} steps the distance is {left} of the first",
        "条件数 {number}：{count} 步后距离是起始的 {left}",
    ),
    # Landscape.
    "landscape": ("The loss around these weights", "这组权重附近的损失"),
    "loss": ("loss", "损失"),
    "along": (
        "steps along a random direction (1 = as long as each filter)",
        "沿随机方向的步长（1 = 与各滤波器等长）",
    ),
    "along a": ("first random direction (1 = filter length)", "第一个随机方向（1 = 滤波器长度）"),
    "along b": ("second random direction (1 = filter length)", "第二个随机方向（1 = 滤波器长度）"),
    "these weights": ("these weights: loss {loss}", "当前权重：损失 {loss}"),
    "direction": ("direction {k}", "方向 {k}"),
    "landscape says": (
        "The loss along random directions scaled filter by filter (Li et al. 2018): {loss} at the "
        "weights, between {low} and {high} in the picture.",
        "沿按滤波器归一化的随机方向（Li 等，2018）的损失："
        "当前权重处为 {loss}，图中介于 {low} 与 {high} 之间。",
    ),
    # Spectrum.
    "spectrum": (
        "Eigenvalues: how strongly f curves, and in how many directions",
        "特征值：f 弯曲的强度与方向数",
    ),
    "eigenvalue": ("eigenvalue (curvature along its direction)", "特征值（沿其方向的曲率）"),
    "density": ("share of directions per unit", "单位区间内的方向占比"),
    "each eigenvalue": ("an eigenvalue", "一个特征值"),
    "lanczos": ("a Lanczos node", "一个 Lanczos 节点"),
    "rank": ("rank, by size", "按大小排序的名次"),
    "magnitude": ("size of the eigenvalue", "特征值的大小"),
    "positive": ("positive: curves upwards", "正：向上弯"),
    "negative": ("negative: curves downwards", "负：向下弯"),
    "spectrum says": (
        "{n} eigenvalues between {low} and {high}; {share} % of them are negative.",
        "{n} 个特征值，介于 {low} 与 {high} 之间；其中 {share}% 为负。",
    ),
    # One linear map.
    "linear map": (
        "Without activation functions, layers are one linear map",
        "没有激活函数，多层网络就是一个线性映射",
    ),
    "layer": ("layer {k}\n{rows} × {columns}", "第 {k} 层\n{rows} × {columns}"),
    "product": ("all together\n{rows} × {columns}", "合为一层\n{rows} × {columns}"),
    "weight": ("weight", "权重"),
    "inputs": ("inputs", "输入"),
    "outputs": ("outputs", "输出"),
    "network": ("output of the network", "网络的输出"),
    "one map": ("output of the one map", "单个映射的输出"),
    "difference": ("largest difference below {gap}", "最大差异不到 {gap}"),
    "linear map says": (
        "{layers} layers with {many} weights multiplied together are one matrix with {few}. "
        "On {samples} random inputs both differ by less than {gap}.",
        "{layers} 层共 {many} 个权重，相乘后是一个只有 {few} 个数的矩阵。"
        "对 {samples} 个随机输入，两者的输出相差不到 {gap}。",
    ),
    # Activations.
    "activations": ("Activation functions and their slopes", "激活函数及其斜率"),
    "input": ("x (input)", "x（输入）"),
    "function": ("function", "函数"),
    "slope": ("slope (derivative)", "斜率（导数）"),
    "steepest": ("{name}\nsteepest slope {slope}", "{name}\n最大斜率 {slope}"),
    "activations says": (
        "Activation functions (solid) and their slopes (dashed). The steepest slopes: {slopes}.",
        "激活函数（实线）及其斜率（虚线）。最大斜率：{slopes}。",
    ),
    # Gradient flow.
    "flow": ("How much gradient arrives at each layer", "每一层收到多少梯度"),
    "layer number": ("layer (1 = next to the input)", "层（1 = 最靠近输入）"),
    "by input": ("gradient by the layer's input, size (norm)", "对该层输入的梯度大小（范数）"),
    "by weights": ("gradient by the layer's weights, size (norm)", "对该层权重的梯度大小（范数）"),
    "vanishes": ("{name}: ÷ {factor} per layer", "{name}：每层 ÷ {factor}"),
    "explodes": ("{name}: × {factor} per layer", "{name}：每层 × {factor}"),
    "gone": ("{name}: 0 at the first layer", "{name}：第一层为 0"),
    "flow says": (
        "Sizes of gradients from the last layer back to the first: {each}.",
        "从最后一层回到第一层的梯度大小：{each}。",
    ),
    # Attributions and attacks; names of methods and attacks stay as they are.
    "maps": ("Which pixels a score comes from", "分数来自哪些像素"),
    "class score": ("class {k}, score {score}", "类别 {k}，分数 {score}"),
    "scale": ("white 0, darkest ±{top}", "白色为 0，最深 ±{top}"),
    "maps says": (
        "{n} images beside maps by {methods}. Red pixels add to the score of the class, blue ones "
        "take from it. {each}.",
        "{n} 幅图像，以及用 {methods} 得到的图。"
        "红色像素使该类别的分数增加，蓝色像素使其减少。{each}。",
    ),
    "strongest": ("image {n} ({score}): strongest {part}", "图像 {n}（{score}）：最强 {part}"),
    "occlusion": ("Covering patches, beside what was claimed", "遮住小块：实测与断言"),
    "measured drop": ("measured drop of the score", "实测的分数下降"),
    "claimed": ("claimed by {method}", "{method} 的断言"),
    "agree": ("class {k}, correlation {value}", "类别 {k}，相关系数 {value}"),
    "occlusion says": (
        "For each of {n} images: how far the score falls when a patch is covered, and what "
        "{method} says of it. {each}.",
        "{n} 幅图像：遮住一个小块时分数下降多少，以及 {method} 的说法。{each}。",
    ),
    "units": ("Which units a score comes through", "分数经过哪些单元"),
    "unit": ("unit of layer {layer}", "第 {layer} 层的单元"),
    "part": ("part of the score", "分数的份额"),
    "units sum": (
        "class {k}: all {n} units {total}, the {most} shown {part}",
        "类别 {k}：全部 {n} 个单元共 {total}，图中 {most} 个共 {part}",
    ),
    "units says": ("Parts of a score by unit. {each}.", "分数按单元的份额。{each}。"),
    "before": ("before", "之前"),
    "added": ("added", "所加的变化"),
    "after": ("after", "之后"),
    "said right": ("said {said}, is {label}", "判为 {said}，实为 {label}"),
    "said": ("said {said}", "判为 {said}"),
    "far": ("distance {far}", "距离 {far}"),
    "attack says": (
        "{n} images before and after {method}. Accuracy over all {size}: {clean} before, {left} "
        "after.",
        "{n} 幅图像，{method} 之前与之后。全部 {size} 幅的准确率：之前 {clean}，之后 {left}。",
    ),
    "accuracies": ("Accuracy under attack", "受攻击时的准确率"),
    "accuracy": ("accuracy", "准确率"),
    "clean": ("clean", "未受攻击"),
    "any of them": ("any of them", "其中任何一种"),
    "accuracies says": ("Accuracy of each model: {each}.", "各模型的准确率：{each}。"),
    "distances": ("How long a change the classes survive", "多大的变化才会改变类别"),
    "change length": ("length of the change ({method})", "变化的大小（{method}）"),
    "survives": ("still classified right", "仍然分类正确的比例"),
    "median": ("{name}: median {value}", "{name}：中位数 {value}"),
    "distances says": (
        "The share of examples that no change up to a length was found to turn. {each}.",
        "在一定大小以内没有找到能改变其类别的变化的样本比例。{each}。",
    ),
}
