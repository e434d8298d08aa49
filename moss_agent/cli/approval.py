"""Calls that need approval: a person at the terminal decides, and where nobody sits they are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from moss_agent.calls import Approval, OnApproval
from moss_agent.cli.printing import Printer, exact
from moss_agent.cli.rules import write_rule
from moss_agent.cli.text import read_back
from moss_agent.errors import UsageError
from moss_agent.events import ApprovalRequested
from moss_agent.plugin_host import Plugin
from moss_agent.protocol import parse_commands
from moss_agent.settings import settings_file

QUESTION = "run it? [y]es, [n]o, [e]dit, n REASON, [s]ession, [a]lways: "
EDIT = "the call to run instead: "
_NO = re.compile(r"no?\s+(?P<reason>\S.*)", re.IGNORECASE)

Ask = Callable[[str, str], str]
"""Shows a question, and a text to change behind it, and returns the line that is typed; raises EOFError and
KeyboardInterrupt as `input` does."""

Plugins = Callable[[], Mapping[str, Plugin]]
"""Returns those that are enabled, by name."""


def approval(plugins: Plugins, printer: Printer, ask: Ask | None) -> OnApproval:
    """Return what decides on calls. ask: asks the person who sits at the terminal, None if nobody does."""
    return asking(plugins, printer, ask) if ask else refusing(plugins, printer)


def asking(plugins: Plugins, printer: Printer, ask: Ask) -> OnApproval:
    """Ask the person at the terminal, who may allow all further calls of a plugin too."""
    allowed = set()  # names of plugins, in this session

    def decide(request: ApprovalRequested) -> Approval:
        if request.name in allowed:
            return Approval(run=True)
        printer.confirm(request)
        try:
            with printer.still():
                typed = ask(QUESTION, "").strip()
                if typed.lower() in ("e", "edit"):
                    return _edited(request, ask(EDIT, exact(request)), printer)
        except EOFError:
            printer.after_echo()
            return Approval(run=False)
        if typed.lower() in ("s", "session", "a", "always"):
            allowed.add(request.name)
            _tell_rule(plugins()[request.name].key, typed.lower()[0] == "a", printer)
            return Approval(run=True)
        refused = _NO.fullmatch(typed)
        return Approval(run=typed.lower() in ("y", "yes"), reason=refused["reason"] if refused else "")

    return decide


def refusing(plugins: Plugins, printer: Printer) -> OnApproval:
    """Refuse, and say once for each plugin which setting allows it."""
    said = set()

    def decide(request: ApprovalRequested) -> Approval:
        printer.confirm(request)
        if request.name not in said:
            said.add(request.name)
            printer.note(
                f"note: {request.name} needs approval, which is asked for on a terminal only: refused; "
                f'to allow it: {plugins()[request.name].key} = "allow" under [approval] in the settings file'
            )
        return Approval(run=False)

    return decide


def _tell_rule(key: str, always: bool, printer: Printer) -> None:
    """Say which rule holds from now on; write it into the settings file if it is to hold always."""
    rule = f'{key} = "allow"'
    if not always:
        printer.note(f"From now on in this session: {rule}")
        return
    try:
        write_rule(settings_file(), key)
    except UsageError as error:
        printer.failure(f"{error}; in this session it is allowed")
    else:
        printer.note(f"From now on, written to {settings_file()} under [approval]: {rule}")


def _edited(request: ApprovalRequested, typed: str, printer: Printer) -> Approval:
    """Run the call that was typed if it is one of the same plugin, with nothing behind it."""
    calls = parse_commands(read_back(typed))
    if len(calls) == 1 and typed.rstrip().endswith(")") and calls[0].name == request.name:
        return Approval(run=True, arguments=calls[0].arguments, named=calls[0].named)
    printer.note(f"That is no call like {exact(request)}: not run.")
    return Approval(run=False)
