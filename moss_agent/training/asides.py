"""Polite or explaining phrases around a question."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

BEFORE: dict[str, tuple[str, ...]] = {
    "en": (
        "Please help me:", "Quick question:", "Hi!", "Hello,", "Can you help with this?", "Homework question.",
        "I'm stuck on this one:", "Hey MOSS,", "Could you work this out?", "A puzzle for you:", "Here is my problem:",
        "I need this for school.", "My son asked me this:", "Just curious.", "One more thing.", "Sorry to bother you,",
        "From my workbook:", "Next:", "OK,", "Please answer:", "Let's see.", "Exercise 4:", "Q:", "Problem:",
    ),
    "zh": (
        "请帮我算一下：", "你好，", "请问，", "帮个忙，", "这道题怎么做：", "作业题：", "我不会这道题，", "问一下，",
        "老师留的题目：", "求助：", "麻烦看一下，", "有个问题，", "孩子问我：", "应用题：", "题目：", "急！", "例题：",
        "请回答：", "MOSS，", "好的，下一题：", "想问问，", "请解答：",
    ),
}
AFTER: dict[str, tuple[str, ...]] = {
    "en": ("Thanks!", "Please.", "Thank you.", "Please explain briefly.", "Just the answer please.", "I keep getting it wrong."),
    "zh": ("谢谢！", "谢谢", "请简单回答。", "直接告诉我答案。", "麻烦了。", "在线等。"),
}
