"""What the rules below say in English, in Chinese too: reasons and conventions of operations.

A rule names why it has no derivative (`Absent`), or what is used where none exists (`Kink`), in
English where it is declared. The Chinese stands here, and a test asks for that of every rule.
"""

from __future__ import annotations

import re

from wingbeat.explain.words import Said

# A blank that holds such a text itself is translated; any other stays as it is.
TEMPLATES: dict[str, str] = {
    # Sentences around them.
    "no derivative: {reason}": "不可导：{reason}",
    "{op} has no derivative; used: {convention}": "{op} 在此处不可导；采用的约定：{convention}",
    "{op} has no derivative at {n} of {all} elements; used: {convention}": (
        "{op} 在 {all} 个元素中的 {n} 个处不可导；采用的约定：{convention}"
    ),
    "{op} may have no derivative; used: {convention}": (
        "{op} 在此处可能不可导；采用的约定：{convention}"
    ),
    "{op} may have no derivative at {n} of {all} elements; used: {convention}": (
        "{op} 在 {all} 个元素中的 {n} 个处可能不可导；采用的约定：{convention}"
    ),
    # Reasons.
    "random bits are integer valued": "随机比特是整数值",
    "{op} is integer valued": "{op} 的值是整数",
    "{op} is boolean valued": "{op} 的值是布尔值",
    "nextafter steps through the dtype's numbers, which is no smooth function": (
        "nextafter 逐个走过该数据类型的数，不是光滑函数"
    ),
    "{op} gives {type}, which is not a float": "{op} 的结果是 {type}，不是浮点数",
    "bool{shape} has no derivative": "没有导数：取值是真或假",
    "{type} has no derivative": "没有导数：取值是整数",
    # Conventions.
    "0": "0",
    "0, as between the jumps": "0，与跳跃之间相同",
    "0, as for a norm at the origin": "0，与范数在原点处相同",
    "1 and -floor(x / y), as beside the jump": "1 和 -floor(x / y)，与跳跃旁边相同",
    "as beside the cut; NaN at the origin, which has no direction": (
        "与割线旁边相同；原点没有方向，取 NaN"
    ),
    "by x inf, the limit from the right; by y 0 (at 0^0: 0 and -inf)": (
        "对 x 取 inf（右极限）；对 y 取 0（在 0^0 处分别取 0 和 -inf）"
    ),
    "equal elements keep their order": "相等的元素保持原有次序",
    "inf, the limit from the right": "inf，即右极限",
    "infinite, the limit from inside": "无穷大，即从定义域内部取的极限",
    "the derivative on the side that the sign bits name": "取符号位所指一侧的导数",
    "the first of the equal ones": "取相等者中的第一个",
    "the side taken (the other one has no finite value or derivative)": (
        "取已走的一侧（另一侧没有有限的数值或导数）"
    ),
    "the branch that Python took (the other one is not known)": (
        "Python 所走的分支（另一分支未知）"
    ),
    "the side that the comparison took": "取比较结果所在的一侧",
    "the side that the rounding took": "取舍入结果所在的一侧",
    "the side that the sign bit names": "取符号位所指的一侧",
    "ties share equally": "并列者平分",
    "ties share equally: 1/2 each": "并列者平分：各取 1/2",
}  # fmt: skip


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(template)))


_PATTERNS = [(_pattern(en), zh) for en, zh in TEMPLATES.items()]


def told(text: str) -> Said:
    """A rule's text with its Chinese; a user's own rule says the same in both languages.

    >>> told("abs has no derivative; used: 0").zh
    'abs 在此处不可导；采用的约定：0'
    """
    for pattern, zh in _PATTERNS:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            nested = {k: told(v).zh for k, v in parts.items() if k in ("reason", "convention")}
            return Said(text, zh.format(**{**parts, **nested}))
    return Said(text, text)


def known(text: str) -> bool:
    """Whether a text of a rule has its Chinese."""
    return any(pattern.fullmatch(text) for pattern, _ in _PATTERNS)
