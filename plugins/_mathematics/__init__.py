"""What the calculator and the equation solver share, and what each does with it.

An argument goes through `reading.py` (words and LaTeX to symbols, `tokens.py`, units, runs of letters) and
`grammar.py` to a tree of `tree.py`. From there `calculation.py` works out a value (`doubles.py` by numexpr,
held against `exact.py` by fractions and mpmath), and `solving.py` solutions (`closed_forms.py` by sympy,
`roots.py` by numbers, `inequalities.py`), which `written.py` writes down.
"""
