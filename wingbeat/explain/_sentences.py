"""Every sentence that is said to readers, once, in English and in Chinese."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    # Headings.
    "title": ("Why: the derivatives of {z}", "为什么：{z} 的导数"),
    "graph": ("Graph", "计算图"),
    "inside": (
        "Inside {name}, one of {times} of the same structure",
        "{name} 的内部（共 {times} 个，结构相同）",
    ),
    "within": ("Inside {name}", "{name} 的内部"),
    "nodes": ("{z} and what it is computed from", "{z} 以及计算它所用的量"),
    "edges": ("The slope along every arrow", "每条箭头上的斜率"),
    "arrives": ("What arrives along every edge", "沿每条边传回的梯度"),
    "modules": (
        "The modules, and the gradient that arrives at each",
        "各个模块，以及到达每个模块的梯度",
    ),
    "matrix": ("The gradients in matrix form", "矩阵形式的梯度"),
    "matrix means": (
        "dX is short for d{z}/dX, and X' for the transpose of X. Each line uses those before it.",
        "dX 是 d{z}/dX 的简写，X' 表示 X 的转置。每一行只用到前面的行。",
    ),
    "why": ("Why d{z}/d{x} = {g}", "为什么 d{z}/d{x} = {g}"),
    "why agreed": (
        "Why d{z}/d{x} is given as {g}, by convention",
        "为什么按约定取 d{z}/d{x} = {g}",
    ),
    "derivative": ("d{z}/d{x} = {g}", "d{z}/d{x} = {g}"),
    "unknown": (
        "d{z}/d{x}: not computed, as the inputs have no values",
        "d{z}/d{x}：输入没有数值，因此没有计算",
    ),
    "reason": ("d{z}/d{x}: {why}", "d{z}/d{x}：{why}"),
    "matters": ("Which input matters most here", "在这里哪个输入影响最大"),
    "forward": ("Forward: from the inputs to {z}", "前向：从输入到 {z}"),
    "backward": ("Backward: from {z} to the inputs", "反向：从 {z} 回到输入"),
    "steps": ("Step by step", "逐步推演"),
    "cost": ("What it costs", "计算代价"),
    "language": ("Language", "语言"),
    "latex": ("The same as LaTeX", "LaTeX 源码"),
    # Heads of tables.
    "node": ("node", "节点"),
    "is": ("is", "定义"),
    "value": ("value", "数值"),
    "gradient": ("gradient d{z}/d·", "梯度 d{z}/d·"),
    "line": ("line", "源代码行"),
    "edge": ("arrow", "箭头"),
    "partial": ("slope (partial derivative)", "斜率（偏导数）"),
    "norm": ("norm", "范数"),
    "share": ("share", "占比"),
    "comes": ("comes from", "来自"),
    "way": ("way", "路径"),
    "product": ("slopes multiplied", "斜率之积"),
    "brings": ("brings", "贡献"),
    "sum": ("sum over all ways", "所有路径之和"),
    "norm of": ("|{x}|", "|{x}|"),
    "its gradient": ("gradient", "梯度"),
    "module": ("module", "模块"),
    "class": ("class", "类型"),
    "size": ("steps", "步数"),
    "weights": ("gradient of its weights", "权重的梯度"),
    "box": ("box", "方框"),
    "reads": ("reads", "读取"),
    "boxes": ("The graph of {z}, folded", "{z} 的计算图（折叠后）"),
    "no modules": (
        "No modules (as those of wingbeat.nn) were called here, so there is nothing to list.",
        "这里没有调用任何模块（如 wingbeat.nn 中的模块），因此没有可列出的内容。",
    ),
    # In drawings.
    "drawing": (
        "Graph of {z}: {boxes} nodes, {links} edges",
        "{z} 的计算图：{boxes} 个节点，{links} 条边",
    ),
    "folded drawing": (
        "Graph of {z}: {boxes} nodes, {links} edges, standing for {steps} steps",
        "{z} 的计算图：{boxes} 个节点，{links} 条边，代表 {steps} 个步骤",
    ),
    "drawn value": ("value {v}", "数值 {v}"),
    "drawn gradient": ("gradient {g}", "梯度 {g}"),
    "drawn group": ("{kind}, {n} steps", "{kind}，{n} 步"),
    "drawn steps": ("{n} steps", "{n} 步"),
    "drawn size": ("|gradient| {g}", "|梯度| {g}"),
    "drawing means": (
        "In a box: what is computed, its value, and its gradient, which says how many times as "
        "fast {z} moves. On an arrow: how many times as fast its end moves as its start.",
        "方框内：所计算的量、它的数值和梯度（{z} 的变化是它的变化的多少倍）。"
        "箭头上：终点的变化是起点变化的多少倍。",
    ),
    "folded means": (
        "In a box: what is computed, its value, and the gradient of {z} there; |·| is the norm. On "
        "an arrow: which share of its start's gradient comes along it, or the norm of what comes.",
        "方框内：所计算的量、它的数值和 {z} 对它的梯度；|·| 表示范数。"
        "箭头上：起点的梯度有多大比例沿它传来，或传来部分的范数。",
    ),
    # Sentences.
    "edges mean": (
        "The slope along an arrow says how many times as fast its end moves as its start, all else "
        "held still.",
        "箭头上的斜率表示：其他量不变时，终点的变化是起点变化的多少倍。",
    ),
    "share means": (
        "The share is the part of a node's gradient that comes along an edge; the shares of all "
        "edges out of a node add up to 100%.",
        "占比表示节点的梯度有多少是沿这条边传来的；从一个节点出发的所有边的占比之和为 100%。",
    ),
    "arrives means": (
        "g_x stands for the gradient of x. The share is the part of a node's gradient that comes "
        "along an edge; the shares of all edges out of a node add up to 100%.",
        "g_x 表示 x 的梯度。占比表示节点的梯度有多少是沿这条边传来的；"
        "从一个节点出发的所有边的占比之和为 100%。",
    ),
    "grows": (
        "When {x} grows a little, {z} grows {g} times as much.",
        "{x} 略微增大时，{z} 增大的量是它的 {g} 倍。",
    ),
    "grows alike": (
        "When {x} grows a little, {z} grows just as much.",
        "{x} 略微增大时，{z} 增大同样多。",
    ),
    "falls": (
        "When {x} grows a little, {z} falls {g} times as much.",
        "{x} 略微增大时，{z} 减小的量是它的 {g} 倍。",
    ),
    "stays": (
        "A small change of {x} does not move {z}, as far as the slope tells.",
        "就斜率而言，{x} 的微小变化不影响 {z}。",
    ),
    "agreed": (
        "On the way from {x} to {z} is a kink or a jump, where no slope exists: {g} follows from "
        "what is agreed on there, and {z} may move otherwise.",
        "从 {x} 到 {z} 的途中有尖点或跳跃，那里斜率不存在：{g} 由约定得出，"
        "{z} 的实际变化可能不同。",
    ),
    "one way": ("{x} reaches {z} along one way: {way}.", "{x} 通过一条路径影响 {z}：{way}。"),
    "one way means": (
        "The slopes on it are multiplied:",
        "把路径上的斜率相乘：",
    ),
    "ways": ("{x} reaches {z} along {n} ways.", "{x} 通过 {n} 条路径影响 {z}。"),
    "ways mean": (
        "Along a way the slopes are multiplied; what the ways bring is added:",
        "同一条路径上的斜率相乘，各条路径的贡献相加：",
    ),
    "table of ways": ("The ways from {x} to {z}", "从 {x} 到 {z} 的路径"),
    "more ways": ("{n} more ways", "其余 {n} 条路径"),
    "cancels": (
        "The ways partly cancel: without signs they would bring {size}, so {part} of it is lost.",
        "各路径部分抵消：不计符号时共为 {size}，其中 {part} 被抵消。",
    ),
    "nudged": (
        "If {x} grows by {step}, from {old} to {new}: the slope foretells {g} * {step} = "
        "{foretold}, that is {z} ≈ {predicted}. {how}, {z} = {actual}{rest}.",
        "如果 {x} 增加 {step}（从 {old} 到 {new}）：按斜率预计变化 {g} * {step} = {foretold}，"
        "即 {z} ≈ {predicted}。{how} {z} = {actual}{rest}。",
    ),
    "computed anew": ("Computed anew", "重新计算得"),
    "recorded steps": ("By the recorded steps", "按记录的步骤计算得"),
    "nudged fails": (
        "If {x} grew by {step}, from {old} to {new}, {z} could not be computed: {error}",
        "如果 {x} 增加 {step}（从 {old} 到 {new}），则无法计算 {z}：{error}",
    ),
    "curved": (
        "; the {gap} between them is there because the slope itself changes on the way",
        "；两者相差 {gap}，因为斜率本身在途中也在变化",
    ),
    "kinked": (
        "; the {gap} between them is there because there is a kink or a jump, not one slope",
        "；两者相差 {gap}，因为那里有尖点或跳跃，没有唯一的斜率",
    ),
    "otherwise": (
        "; the {gap} between them is there because the function does not take the same steps there "
        "(another branch, or a number that was a constant for the derivative)",
        "；两者相差 {gap}，因为函数在那里执行的步骤不同（走了另一分支，或某个数对导数来说是常数）",
    ),
    "straight": (", exactly that", "，与预计完全一致"),
    "moves more": (
        "{x} matters more than {y}: the same small change moves {z} {times} times as far "
        "({g} against {h}).",
        "{x} 比 {y} 影响更大：同样的微小变化，使 {z} 变化的幅度是后者的 {times} 倍（{g} 比 {h}）。",
    ),
    "moves alike": (
        "{x} and {y} matter equally: the same small change moves {z} equally far ({g} and {h}).",
        "{x} 与 {y} 影响相同：同样的微小变化，使 {z} 变化的幅度相同（{g} 与 {h}）。",
    ),
    "ranking": (
        "How far the same small change moves {z}, the farthest first: {list}.",
        "同样的微小变化使 {z} 变化的幅度，从大到小：{list}。",
    ),
    "no derivative": ("No derivative there: {k}", "此处不可导：{k}"),
    "left out": ("... and {n} more", "……其余 {n} 项省略"),
    "long": (
        "The derivation has {n} equations; {call} writes them all.",
        "推导共有 {n} 个等式；用 {call} 可得到全部。",
    ),
    # Why there is no number.
    "no path": ("no path", "没有路径"),
    "not asked for": ("not asked for", "未要求"),
    "not computed": ("not computed", "未计算"),
    # What a step is.
    "input": ("input", "输入"),
    "data": ("data", "数据"),
    "input of type": ("input {type}", "输入 {type}"),
    "data of type": ("data {type}", "数据 {type}"),
    "step": ("step", "步骤"),
    # Kinks, and numbers that are not finite.
    "met": ("in {line} at {at}: {told}", "在 {line} 处，{at}：{told}"),
    "value not finite": ("the value of {x} is not finite", "{x} 的数值不是有限数"),
    "arises here": (
        "the value of {x} is not finite; it arises here, from finite {operands}",
        "{x} 的数值不是有限数；它在这里产生，而 {operands} 都是有限的",
    ),
    "gradient not finite": ("the gradient of {x} is not finite", "{x} 的梯度不是有限数"),
    # Costs and modes.
    "forward pass": ("forward pass", "前向"),
    "backward pass": ("backward pass", "反向"),
    "training step": ("both", "合计"),
    "operation": ("step", "步骤"),
    "flops": ("operations", "运算次数"),
    "bytes": ("bytes", "字节"),
    "sweep": ("sweep", "阶段"),
    "cost of sweeps": ("What both sweeps cost", "两个阶段的代价"),
    "cost of steps": ("What each step costs", "每个步骤的代价"),
    "by step": ("Forward and backward, step by step", "逐个步骤的前向与反向代价"),
    "dearest steps": (
        "Forward and backward: the {n} dearest of {all} steps",
        "前向与反向：{all} 个步骤中代价最大的 {n} 个",
    ),
    "the rest": ("the rest", "其余"),
    "rest means": (
        "The rest is what no row has: steps that are not shown, and adding what several steps send "
        "back to one. Below 0 it is what is saved, as steps share what they compute.",
        "“其余”是各行之外的部分：未列出的步骤，以及把多个步骤传回同一处的梯度相加。"
        "负数表示节省，因为各步骤共用部分计算。",
    ),
    "seconds": ("time", "时间"),
    "energy": ("energy", "能量"),
    "cost means": (
        "Operations are additions, multiplications and comparisons; a function such as exp counts "
        "as 10. Times are the least that one core of this machine needs (roofline){measured}. "
        "Energy is an estimate: {flop} pJ for an operation and {byte} pJ for a byte (Horowitz "
        "2014, 45 nm, values read from memory); a whole machine takes several times as much.",
        "运算指加、乘、比较；exp 等函数计为 10 次。时间是本机单核所需的下限（roofline）{measured}。"
        "能量为估计：每次运算 {flop} pJ，每字节 {byte} pJ（Horowitz 2014，45 nm，数据来自内存）；"
        "整机能耗是它的数倍。",
    ),
    "timed": ("; both sweeps were timed", "；两个阶段为实测"),
    "cost ratio": (
        "The backward pass takes {ratio} times the operations of the forward pass.",
        "反向的运算次数是前向的 {ratio} 倍。",
    ),
    "modes": ("Ways of computing all derivatives", "求全部导数的几种方法"),
    "reverse mode": ("reverse mode", "反向模式"),
    "forward mode": ("forward mode", "前向模式"),
    "every path": ("every path", "逐条路径"),
    "sweeps or paths": ("sweeps or paths", "遍数或路径数"),
    "multiplications": ("multiplications", "乘法"),
    "additions": ("additions", "加法"),
    "not run": ("not run", "未运行"),
    "modes mean": (
        "Reverse mode (backpropagation) gets all derivatives in one sweep; forward mode needs one "
        "for each input; multiplying along every path anew grows with the number of paths. Times "
        "are of the same plain Python.",
        "反向模式（反向传播）一遍得到全部导数；前向模式对每个输入各需一遍；"
        "逐条路径重新相乘，代价随路径数增长。时间均为同样的纯 Python 代码所用。",
    ),
    # Routes.
    "routes": ("Through which modules the gradient comes", "梯度经过哪些模块传来"),
    "routes of": (
        "The gradient by {x}, by what it comes through",
        "对 {x} 的梯度，按经过的模块划分",
    ),
    "through": ("through", "经过"),
    "crossed": ("modules crossed", "经过的模块数"),
    "all paths": ("all paths", "所有路径"),
    "none of them": ("none of them", "都不经过"),
    "this many": ("{n} of them", "其中 {n} 个"),
    "no path skips": (
        "The gradient by {x}, split by the modules that a path crosses; no path skips any.",
        "对 {x} 的梯度，按路径经过的模块划分；没有路径能绕过任何模块。",
    ),
    "routes split": (
        "The gradient by {x}, split by the modules that a path crosses: {modules}.",
        "对 {x} 的梯度，按路径经过的模块划分：{modules}。",
    ),
    "routes cancel": (
        "The routes partly cancel: {part} of their norms is lost.",
        "各条路线部分抵消：范数之和损失了 {part}。",
    ),
    # Neurons.
    "neurons": ("The blame of each neuron: from the result back", "每个神经元的责任：从结果往回"),
    "layer": ("Layer {name}", "层 {name}"),
    "neurons of": ("The neurons of {name}", "{name} 的神经元"),
    "links of": ("The links of {name}", "{name} 的连接"),
    "neuron": ("neuron", "神经元"),
    "neuron j": ("neuron {j}", "神经元 {j}"),
    "blame": ("blame d", "责任 d"),
    "link": ("link", "连接"),
    "link from input": ("input {i} → neuron {j}", "输入 {i} → 神经元 {j}"),
    "link from neuron": ("neuron {i} → neuron {j}", "神经元 {i} → 神经元 {j}"),
    "weight": ("weight w", "权重 w"),
    "sent back": ("blame sent back: w d f'(e)", "传回的责任：w d f'(e)"),
    "weight gradient": ("gradient of w: d f'(e) x", "w 的梯度：d f'(e) x"),
    "blame means": (
        "Of one sample. A neuron gathers e and puts out f(e). Its blame d is what its links send "
        "back, added: d = sum of w d' f'(e') over the links that leave it. A weight's gradient is "
        "d f'(e) x, with x what comes in along it.",
        "针对一个样本。神经元汇集 e，输出 f(e)。它的责任 d 是它的各条连接传回的量之和："
        "d = Σ w d' f'(e')，对从它出发的连接求和。权重的梯度是 d f'(e) x，x 是沿这条连接传入的量。",
    ),
    "blame on other ways": (
        "Here some neurons reach the result on other ways too, past the next links or mixed "
        "with each other: their d has more in it than that sum.",
        "这里有些神经元还通过其他途径影响结果（绕过下一层的连接，或彼此混合）："
        "它们的 d 不止是上述之和。",
    ),
    # Corrections.
    "corrections": ("The way to {goal}", "逼近 {goal} 的过程"),
    "attempt": ("step", "步"),
    "missing to": ("missing to {goal}", "距 {goal} 还差"),
    "slope by": ("slope d{z}/d{x}", "斜率 d{z}/d{x}"),
    "does not reach": ("{x} does not reach {z}.", "{x} 不影响 {z}。"),
    "given": ("{x} = {value}, given", "{x} = {value}（已知）"),
    "start": (
        "d{z}/d{z} = 1: {z} moves as far as itself",
        "d{z}/d{z} = 1：{z} 的变化就是它自身的变化",
    ),
}
