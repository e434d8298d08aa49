"""The outcomes as one HTML page that needs nothing else: the tables, then what failed, to look through.

All text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from moss_agent.evaluation.outcomes import MadeCall, Outcome, Run
from moss_agent.evaluation.report import Table, category_table, check_table, cost_line
from moss_agent.history.export.document import document, escape

_STYLE = """\
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
h2 { background: #eef3f8; border-radius: .5rem; padding: .5rem 1rem; font-size: 1rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0; }
dt, .aside { color: #666; font-size: .9rem; } dd { margin: 0 0 .5rem 1rem; }
@media (prefers-color-scheme: dark) { body { background: #181a1b; color: #ddd; } h2 { background: #26303a; } }
"""


def page(run: Run, outcomes: Sequence[Outcome]) -> str:
    """Return the page of a run."""
    failed = [outcome for outcome in outcomes if not outcome.right or outcome.faults]
    about = f"{run.time}; {len(failed)} of {len(outcomes)} cases are not right, or not well-formed"
    body = [
        f'<p class="aside">{escape(about)}</p>',
        *map(_table, (check_table(outcomes), category_table(outcomes))),
        f'<p class="aside">{escape(cost_line(outcomes))}</p>',
        *(line for outcome in failed for line in _failure(outcome)),
    ]
    return document(f"{run.model} on {run.data}", _STYLE, "\n".join(body))


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows)
    return f"<table>\n<tr>{head}</tr>\n{rows}</table>"


def _failure(outcome: Outcome) -> Iterator[str]:
    wrong = [name for name, holds in outcome.checks.items() if not holds]
    named = [outcome.id, outcome.category, outcome.mode, *(f"{name} wrong" for name in wrong), *outcome.faults]
    yield f'<section dir="auto">\n<h2 class="text">{escape(outcome.question)}</h2>'
    yield f'<p class="aside">{escape(" · ".join(filter(None, named)))}</p>\n<dl>'
    for name, text in (("expected", outcome.wanted), ("failed", outcome.error), ("thoughts", outcome.thoughts)):
        if text:
            yield _item(name, text)
    yield from map(_call, outcome.calls)
    yield _item("answer", outcome.answer)
    yield "</dl>\n</section>"


def _call(call: MadeCall) -> str:
    return _item("call" if call.ok else "call without a result", f"{call.text}\n= {call.result}")


def _item(name: str, text: str) -> str:
    return f'<dt>{escape(name)}</dt><dd class="text">{escape(text)}</dd>'
