"""Calls that need approval: a person at the terminal decides, and where nobody sits they are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from moss_agent.calls import Approval, OnApproval
from moss_agent.cli.printing import Printer, exact
from moss_agent.cli.streams import prompt_anew
from moss_agent.events import ApprovalRequested
from moss_agent.plugin_host import Plugin
from moss_agent.protocol import parse_commands

if TYPE_CHECKING:
    from moss_agent.runtime import Runtime

QUESTION = "run it? [y]es, [n]o, [e]dit, n REASON: "
EDIT = "the call to run instead: "
_NO = re.compile(r"no?\s+(?P<reason>\S.*)", re.IGNORECASE)


def approval(runtime: Runtime, printer: Printer, *, interactive: bool) -> OnApproval:
    """Return what decides on calls for a person who sits at the terminal, or for nobody."""
    return asking(printer, prompt_anew) if interactive else refusing(printer, runtime.plugins)


def asking(printer: Printer, read: Callable[[str, str], str]) -> OnApproval:
    """Ask the person at the terminal.

    read: shows a prompt, and a text to change behind it, and returns the line that is typed; raises EOFError and
    KeyboardInterrupt as `input` does.
    """

    def decide(request: ApprovalRequested) -> Approval:
        printer.confirm(request)
        try:
            typed = read(QUESTION, "").strip()
            if typed.lower() in ("e", "edit"):
                return _edited(request, read(EDIT, exact(request)), printer)
        except EOFError:
            printer.after_echo()
            return Approval(run=False)
        refused = _NO.fullmatch(typed)
        return Approval(run=typed.lower() in ("y", "yes"), reason=refused["reason"] if refused else "")

    return decide


def refusing(printer: Printer, plugins: Mapping[str, Plugin]) -> OnApproval:
    """Refuse, and say once for each plugin which setting allows it."""
    said = set()

    def decide(request: ApprovalRequested) -> Approval:
        if request.name not in said:
            said.add(request.name)
            printer.note(
                f"note: {request.name} needs approval, which is asked for on a terminal only: refused; "
                f'to allow it: {plugins[request.name].key} = "allow" under [approval] in the settings file'
            )
        return Approval(run=False)

    return decide


def _edited(request: ApprovalRequested, typed: str, printer: Printer) -> Approval:
    """Run the call that was typed if it is one of the same plugin."""
    calls = parse_commands(typed)
    if len(calls) == 1 and calls[0].name == request.name:
        return Approval(run=True, arguments=calls[0].arguments, named=calls[0].named)
    printer.note(f"That is no call like {exact(request)}: not run.")
    return Approval(run=False)
