"""What `moss-agent eval` prints: a summary of a run, and what differs between two."""

from __future__ import annotations

from collections.abc import Sequence

from moss_agent.cli.tables import table
from moss_agent.cli.text import fitted, one_line
from moss_agent.evaluation.outcomes import Outcome
from moss_agent.evaluation.report import Difference, category_table, check_table, cost_line, fault_line

SHOWN = 60  # columns of a question in a list


def summary(made: Sequence[Outcome]) -> str:
    """Return what is printed of the outcomes."""
    lines = []
    for made_table in (check_table(made), category_table(made)):
        rows = [[one_line(cell, 40) for cell in row] for row in (made_table.head, *made_table.rows)]
        lines += [table(rows[0], rows[1:]), ""]
    if faults := fault_line(made):
        lines.append(f"faults of form: {faults}")
    lines.append(cost_line(made))
    if failed := [outcome for outcome in made if outcome.error]:
        lines.append(f"{len(failed)} cases failed and are not counted, such as {one_line(failed[0].id, 60)}:")
        lines.append(f"  {one_line(failed[0].error, 200)}")
    return "\n".join(lines)


def difference(found: Difference, title: str = "") -> str:
    """Return what is printed of a comparison."""
    lines = [title, ""] if title else []
    for name, changed in (("now wrong", found.worse), ("now right", found.better)):
        rows = [(one_line(each.id, 40), fitted(each.question, SHOWN)) for each in changed]
        lines += [table((f"{name}: {len(rows)}", ""), rows), ""]
    lines += [f"before  {found.before}", f"after   {found.after}"]
    lines.append(
        f"{found.both} cases in common, {len(found.better)} better, {len(found.worse)} worse: "
        f"p = {found.probability:.3g} (sign test)"
    )
    return "\n".join(lines)
