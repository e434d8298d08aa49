"""`moss-agent plugins new`: a plugin that works, to be changed into another one."""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path
from typing import get_args

from moss_agent.errors import UsageError
from moss_agent.plugin_host.contract import Effect

DESCRIPTION = """\
Write NAME.py, a small plugin that works and says in comments how to change it, into the current folder.
Keep plugins in a folder of their own: --plugin-dir loads every .py file in it."""

TEMPLATE = '''\
"""@COMMAND@("words"): the longest of some words, and how long they are.

Change it into what you need, then try it:

    moss-agent plugins check @NAME@.py
    moss-agent plugins run --plugin-dir . @NAME@ "a moss grows slowly"
    moss-agent ask --plugin-dir . "..."
"""

from moss_agent import PluginError, plugin


# The model is told `- @LABEL@: enabled. API: @COMMAND@(words)` and may write @COMMAND@("...") or
# @COMMAND@("...", 2). A call may take `timeout` seconds. More can be declared:
#     effects={"network"}    what calls touch, "network" or "files": users may want to approve them then
#     approval="ask"         ask before every call, unless the settings allow it
#     isolated=True          run calls in a process that is ended when the time is up: they may crash or hang
@plugin("@COMMAND@", label="@LABEL@", timeout=10)
def @NAME@(words: str, count: int = 1, *, shortest: int = 1) -> str:
    """Find the longest words of a text."""
    # Parameters before the star are what the model writes: text from outside, never to be trusted. They may be
    # str, int, float, bool, Literal["a", "b"], lists of these, or one of them | None; others are refused before
    # the call. Those after the star are settings, which only you can change, in the settings file:
    #
    #     [plugins.@NAME@]
    #     shortest = 3
    found = sorted((word for word in words.split() if len(word) >= shortest), key=len, reverse=True)
    if not found:
        # You see the reason; the model sees "No result." and apologises.
        raise PluginError(f"there is no word of at least {shortest} letters")
    # Return a short text or a list of lines. moss_agent.Hit and moss_agent.Picture are for
    # passages that the answer can cite, and for images.
    return ", ".join(f"{word} ({len(word)} letters)" for word in found[: max(count, 1)])
'''


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and _, such as weather or bus_times")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    path = Path(f"{parsed.name}.py")
    text = plugin_text(parsed.name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: choose another name") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    print(f"Wrote {path}. Its first lines say how to try it.")
    return 0


def plugin_text(name: str) -> str:
    """Return the file for a plugin module of that name. Raises UsageError if it cannot be one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a plugin: use lower-case letters, digits and _, such as bus_times")
    if name in get_args(Effect):
        raise UsageError(f"{name!r} is the name of an effect: choose another name, such as bus_times")
    words = name.split("_")
    command = "".join(word.capitalize() for word in words)
    label = " ".join(words).strip().capitalize()
    return TEMPLATE.replace("@NAME@", name).replace("@COMMAND@", command).replace("@LABEL@", label)
