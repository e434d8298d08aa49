"""`moss-agent plugins run`: calls as the model would make them, one by hand or many as JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import Any, TextIO

from moss_agent.cli.calling import call_plugin
from moss_agent.cli.json_lines import print_json
from moss_agent.cli.options import add_plugin_dir_option, settings_from
from moss_agent.cli.printing import source
from moss_agent.cli.streams import own_stdin, own_stdout, read_line
from moss_agent.cli.text import clean, one_line
from moss_agent.errors import MossAgentError, UsageError
from moss_agent.events import Value
from moss_agent.plugin_host import Plugin, PluginRunner, discover, select
from moss_agent.protocol import NO_RESULT, Command
from moss_agent.resources import user_path

DESCRIPTION = """\
Run a plugin and print what the model would see of its result. Where the passages of a search come from goes to
standard error. If there is no result, the reason goes there, and the exit code is 1."""

EXAMPLES = """\
examples:
  moss-agent plugins run calculator "37*89"
  moss-agent plugins run web_search "why is moss green"
  moss-agent plugins run --plugin-dir mine weather Paris
  echo '{"id": 1, "tool": "calculator", "argument": "2^10"}' | moss-agent plugins run --jsonl

--jsonl reads lines {"id", "tool", "argument"}, perhaps with "extra_args": [..]; or with "arguments", a list in their
order or an object by name. It writes for each, in the same order, {"id", "result", "ok"}, with the "error" for people
where ok is false, and the "images" where some were drawn."""

LONGEST = 10_000_000  # bytes of a line


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("name", nargs="?", metavar="NAME", help="key (calculator) or command (Calculate)")
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="what the model would write in quotes")
    parser.add_argument("--jsonl", action="store_true", help="read calls from standard input, write results, as JSON")
    add_plugin_dir_option(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    if parsed.jsonl == bool(parsed.name):
        raise UsageError("give a plugin's NAME and its ARGUMENT, or --jsonl and neither")
    settings = settings_from(parsed)
    with own_stdout() as out:
        available = discover(map(user_path, settings.plugin_dirs))
        plugins = available.enabled(None if parsed.jsonl else [parsed.name])
        with closing(PluginRunner(plugins, settings.plugin_settings)) as runner:
            if parsed.jsonl:
                run_lines(runner, iter(partial(read_line, own_stdin(), LONGEST), ""), out)
            else:
                run_one(runner, parsed.name, parsed.arguments, out)
    return 0


def run_one(runner: PluginRunner, name: str, arguments: Sequence[str], out: TextIO) -> None:
    """Print what the model would see. Raises UsageError for a wrong call or setting, PluginError without a result."""
    plugin = _named(runner, name)
    if not arguments or len(arguments) > len(plugin.parameters):
        raise UsageError(f"{plugin.api} was given {len(arguments)} arguments: put each of them in quotes")
    call = call_plugin(runner, Command(plugin.name, tuple(arguments)))
    print(clean(call.result), file=out, flush=True)
    for number, hit in enumerate(call.hits, 1):
        print(f"[{number}] {source(hit)}", file=sys.stderr)
    for image in call.images:
        print(f"picture: {one_line(image.path)}", file=sys.stderr)
        for notice in image.notices:
            print(f"note: {one_line(notice)}", file=sys.stderr)


def run_lines(runner: PluginRunner, lines: Iterable[str], out: TextIO) -> None:
    """Answer each line before the next one is read."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            print_json(run_line(runner, line, number), out)


def run_line(runner: PluginRunner, line: str, number: int) -> dict[str, Any]:
    """Return the JSON data that answers one line of input, whatever stands in it."""
    call_id, place = None, f"line {number}: "
    try:
        data = _object(line)
        call_id = data.get("id")
        command, place = _command(runner, data), ""
        call = call_plugin(runner, command)
    except MossAgentError as error:
        return {"id": call_id, "result": NO_RESULT, "ok": False, "error": f"{place}{error}"}
    drawn = {"images": [asdict(image) for image in call.images]} if call.images else {}
    return {"id": call_id, "result": call.result, "ok": True, **drawn}


def _named(runner: PluginRunner, name: str) -> Plugin:
    return select(runner.plugins, [name])[0]


def _object(line: str) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
        json.dumps(data, allow_nan=False)  # what is answered holds parts of it
    except (ValueError, RecursionError) as error:
        raise UsageError(f"no JSON: {error}") from None
    if not isinstance(data, dict):
        raise UsageError('no JSON object, such as {"id": 1, "tool": "calculator", "argument": "1+1"}')
    return data


def _command(runner: PluginRunner, data: Mapping[str, Any]) -> Command:
    given = data.get("arguments", [])
    arguments, named = ([], given) if isinstance(given, dict) else (given, {})
    extra = data.get("extra_args", [])
    if not isinstance(arguments, list) or not isinstance(extra, list):
        raise UsageError('"arguments" must be a list or an object, "extra_args" a list')
    texts = [data.get("argument"), *extra] if "argument" in data or "arguments" not in data else extra
    if not all(isinstance(text, str) for text in [data.get("tool"), *texts]):
        raise UsageError('"tool" and "argument" must be strings, "extra_args" a list of strings')
    values = tuple(map(_value, [*texts, *arguments]))
    return Command(_named(runner, data["tool"]).name, values, {name: _value(value) for name, value in named.items()})


def _value(data: object) -> Value:
    """Return a JSON value in the form that a call of the model's has. Raises UsageError if it has none."""
    if data is None or isinstance(data, str | int | float):
        return data
    if isinstance(data, list) and all(isinstance(item, str | int | float) for item in data):
        return tuple(item if isinstance(item, str) else json.dumps(item) for item in data)
    raise UsageError("an argument must be text, a number, true, false, null, or a list of these without null")
