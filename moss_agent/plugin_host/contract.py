"""The plugin contract: a function with a decorator.

    @plugin("Weather", label="Weather forecast")
    def weather(city: str) -> str:
        return "sunny, 21 degrees"

The model is told `- Weather forecast: enabled. API: Weather(city)` and may write `Weather("Paris")`.

- Positional parameters are what the model writes: text from outside, never trusted. Annotated `str`, `int`, `float`,
  `bool`, `Literal["km", "mi"]`, a `list` of these, or one of them `| None`, they are converted and checked before the
  function runs; without annotation they are `str`. `Annotated[float, "in kilometres"]` describes one to models that
  are told so much. Those without a default stand in the API line.
- Keyword-only parameters are settings: the user gives them in the table `[plugins.weather]` of the
  settings file (the plugin's key), the model never sees them. Values of another type than an annotation
  with `str`, `int`, `float` or `bool` says are refused.
- `key` is what settings and `--plugins` call the plugin: the module's name, unless it is given. Further plugins of
  the same module, and those of a script, have their function's name. No key is the name of an effect.
- `effects` says what a call touches, `approval` whether a person is asked first: see `approval.py`.
- `async def` works too: the call has an event loop of its own, and is cancelled when nobody waits for it any more.
- Return a `str`, a list of lines, a list of `Hit`, a `Picture` or several, or None for "no result".
- Raise `PluginError("reason in one line")` on failure: the human sees the reason, MOSS `No result.`, a chat model both.
- `isolated=True` runs the call in a worker process that is killed at the timeout and may take 4 GiB: for
  code that may spin, crash or exhaust memory. The plugin has to stand in a file, not in a script. Without it, calls
  run in threads, several at once, and a call that outlives its timeout is abandoned.
- A long call, if it is not isolated, says how far it is with `plugin_host.report(done, total)`; that also renews
  its time, and raises what ends it when nobody waits for it any more.
- `release` is called when the language model needs memory: a function that gives back what the plugin keeps
  between calls and says whether that was anything.
- `extra` names the extra of this package that the plugin needs, such as `search`: where it is not installed, the plugin
  is not enabled, and naming it says what to install.
- `imports`, for an isolated plugin, names modules that take long to import: the worker imports them beforehand,
  not in the time of the first call.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from moss_agent.errors import PluginContractError
from moss_agent.events import Output, Value
from moss_agent.extras import EXTRAS
from moss_agent.plugin_host.parameters import Parameter, annotation_of, bind, parameters_of, schema_of

Function = Callable[..., Union[Output, Coroutine[Any, Any, Output]]]
Effect = Literal["network", "files"]
Approval = Literal["never", "ask", "always"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
LABEL = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069:<>|]{1,60}")
LONGEST = 86400.0  # seconds that a call may take


@dataclass(frozen=True, eq=False)
class Plugin:
    """A plugin function with what the host needs to know about it. Calling it calls the function.

    parameters: those that the model fills. The function is called with them by name, and with the settings.
    """

    name: str
    key: str
    label: str
    function: Function
    parameters: tuple[Parameter, ...]
    timeout: float = 20.0
    max_characters: int = 2000
    description: str = ""
    effects: frozenset[Effect] = frozenset()
    approval: Approval = "never"
    isolated: bool = False
    imports: tuple[str, ...] = ()
    release: Callable[[], bool] | None = None
    extra: str = ""

    def __call__(self, *arguments: Any, **options: Any) -> Output | Coroutine[Any, Any, Output]:
        return self.function(*arguments, **options)

    @property
    def api(self) -> str:
        """The form that the model is told, such as `Search(query)`: required parameters, or else the first."""
        told = [p.name for p in self.parameters if p.required] or [p.name for p in self.parameters[:1]]
        return f"{self.name}({', '.join(told)})"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return schema_of(self.parameters)

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The parameters that the settings fill, by name."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}

    def bind(self, arguments: Sequence[Value], named: Mapping[str, Value] = {}) -> dict[str, Any]:
        """Convert what the model wrote to typed arguments by name. Raises PluginError."""
        return bind(self.name, self.parameters, arguments, named)

    def kinds(self, option: str) -> tuple[Any, ...]:
        """Return the types that the option may have by its annotation; none if that cannot be read."""
        try:
            annotation = annotation_of(self.options[option], self.function)
        except Exception:  # it may be anything, and name what is not there
            return ()
        return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def plugin(
    name: str,
    *,
    label: str,
    key: str = "",
    description: str = "",
    effects: Collection[Effect] = (),
    approval: Approval = "never",
    timeout: float = 20.0,
    max_characters: int = 2000,
    isolated: bool = False,
    imports: Sequence[str] = (),
    release: Callable[[], bool] | None = None,
    extra: str = "",
) -> Callable[[Function], Plugin]:
    """Make a plugin of a function.

    name: what the model writes before the parenthesis: letters, digits, underscores.
    label: the plugin's line in the preamble, such as `Web search`.
    key: what the settings call it. description: for models that are told one; else the docstring's first paragraph.
    effects: what a call touches: `network`, `files`. approval: whether a person has to approve calls: `never`; `ask`,
        unless the user's settings say otherwise; `always`, unless they name this very plugin.
    timeout: seconds that one call may take, from its last `report` on if it reports.
    max_characters: length at which a result is cut before the model sees it.
    isolated: run calls in a worker process. imports: modules that it imports before its first call.
    release: gives back the memory kept between calls and returns whether there was any.
    extra: of this package, without which the plugin is not enabled.
    Raises PluginContractError, naming the plugin, if the declaration cannot work.
    """

    def decorate(function: Function) -> Plugin:
        if isinstance(imports, str):
            raise PluginContractError(name, f"imports must be a list of modules: write [{imports!r}]")
        if isinstance(effects, str):
            raise PluginContractError(name, f"effects must be a set: write {{{effects!r}}}")
        if key and not KEY.fullmatch(key):
            raise PluginContractError(name, "the key must be a letter followed by letters, digits, _ or -")
        made = Plugin(
            name,
            key or _default_key(function),
            label,
            function,
            parameters_of(function, name),
            timeout,
            max_characters,
            " ".join((description or _first_paragraph(function)).split()),
            frozenset(effects),
            approval,
            isolated,
            tuple(imports),
            release,
            extra,
        )
        check(made)
        return made

    return decorate


def check(made: Plugin) -> None:
    """Raise PluginContractError if the plugin cannot work as declared."""
    if not NAME.fullmatch(made.name):
        raise PluginContractError(repr(made.name), "the name must be a letter followed by letters, digits or _")
    if made.key in get_args(Effect):
        problem = f'the key {made.key!r} is the name of an effect: give the plugin another with key="..."'
        raise PluginContractError(made.name, problem)
    if not LABEL.fullmatch(made.label):
        raise PluginContractError(made.name, "the label must be one short line without : < > |")
    if unknown := made.effects - set(get_args(Effect)):
        raise PluginContractError(made.name, f"no effect {min(map(repr, unknown))}; there are: network, files")
    if made.approval not in get_args(Approval):
        raise PluginContractError(made.name, "approval must be never, ask or always")
    if made.extra and made.extra not in EXTRAS:
        raise PluginContractError(made.name, f"no extra {made.extra!r} of moss-agent; there are: {', '.join(EXTRAS)}")
    if made.imports and not made.isolated:
        raise PluginContractError(made.name, "imports are for isolated plugins: import inside the function instead")
    if not 0 < made.timeout <= LONGEST or made.max_characters < 1:
        raise PluginContractError(made.name, "timeout must be above 0 s and at most a day, max_characters above 0")
    if not made.parameters:
        raise PluginContractError(made.name, "the function needs a positional parameter for the model's argument")
    if inspect.isgeneratorfunction(made.function) or inspect.isasyncgenfunction(made.function):
        raise PluginContractError(made.name, "the function must return its result, not yield it")
    for p in made.options.values():
        if p.default is p.empty:
            raise PluginContractError(made.name, f"the setting {p.name!r} needs a default")


def _default_key(function: Function) -> str:
    """Return the module's name; the function's name in a script and behind another plugin of the module."""
    module = function.__module__
    names = vars(sys.modules[module]) if module in sys.modules else {}
    earlier = [p for p in names.values() if issubclass(type(p), Plugin) and p.function.__module__ == module]
    is_first = all(other.function.__qualname__ == function.__qualname__ for other in earlier)
    return module.rpartition(".")[2] if is_first and module != "__main__" else function.__name__


def _first_paragraph(function: Function) -> str:
    return (inspect.getdoc(function) or "").partition("\n\n")[0]
