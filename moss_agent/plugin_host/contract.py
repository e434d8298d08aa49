"""The plugin contract: a function with a decorator.

    @plugin("Weather", label="Weather forecast")
    def weather(city: str) -> str:
        return "sunny, 21 degrees"

The model is told `- Weather forecast: enabled. API: Weather(city)` and may write `Weather("Paris")`.

- Positional parameters are what the model writes, always strings: text from outside, never trusted.
  Those without a default stand in the API line.
- Keyword-only parameters are settings: the user gives them in the table `[plugins.weather]` of the
  settings file (the module's name), the model never sees them. Values of another type than an annotation
  with `str`, `int`, `float` or `bool` says are refused.
- Return a `str`, a list of lines, a list of `Hit`, a `Picture` or several, or None for "no result".
- Raise `PluginError("reason in one line")` on failure: the human sees the reason, the model `No result.`.
- `isolated=True` runs the call in a worker process that is killed at the timeout and may take 4 GiB: for
  code that may spin, crash or exhaust memory. The plugin has to stand in a file of its own. Without it, calls
  run in threads, several at once, and a call that outlives its timeout is abandoned.
- A long call, if it is not isolated, says how far it is with `plugin_host.report(done, total)`; that also renews
  its time, and raises what ends it when nobody waits for it any more.
- `release` is called when the language model needs memory: a function that gives back what the plugin keeps
  between calls and says whether that was anything.
- `imports`, for an isolated plugin, names modules that take long to import: the worker imports them beforehand,
  not in the time of the first call.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from moss_agent.errors import PluginContractError
from moss_agent.events import Output

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
LABEL = re.compile(r"[^\n\r:<>|]{1,60}")
LONGEST = 86400.0  # seconds that a call may take


@dataclass(frozen=True)
class Plugin:
    """A plugin function with what the host needs to know about it. Calling it calls the function."""

    name: str
    label: str
    function: Callable[..., Output]
    timeout: float
    max_characters: int
    isolated: bool
    imports: tuple[str, ...] = ()
    release: Callable[[], bool] | None = None

    def __call__(self, *arguments: str, **options: Any) -> Output:
        return self.function(*arguments, **options)

    @property
    def key(self) -> str:
        """The module's own name: what `--plugins` and the settings file call the plugin."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def api(self) -> str:
        """The form that the model is told, such as `Search(query)`."""
        required = [p.name for p in self.arguments if p.default is p.empty]
        return f"{self.name}({', '.join(required)})"

    @property
    def arguments(self) -> list[inspect.Parameter]:
        """The parameters that the model fills."""
        return [p for p in self._parameters() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The parameters that the settings fill, by name."""
        return {p.name: p for p in self._parameters() if p.kind is p.KEYWORD_ONLY}

    def kinds(self, option: str) -> tuple[Any, ...]:
        """The types that the option may have by its annotation; none if that cannot be read."""
        only = SimpleNamespace(__annotations__={option: self.options[option].annotation})
        try:
            annotation = get_type_hints(only, self.function.__globals__)[option]
        except Exception:  # it may be anything, and name what is not there
            return ()
        return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)

    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.function).parameters.values())


def plugin(
    name: str,
    *,
    label: str,
    timeout: float = 20.0,
    max_characters: int = 2000,
    isolated: bool = False,
    imports: Sequence[str] = (),
    release: Callable[[], bool] | None = None,
) -> Callable[[Callable[..., Output]], Plugin]:
    """Make a plugin of a function.

    name: what the model writes before the parenthesis: letters, digits, underscores.
    label: the plugin's line in the preamble, such as `Web search`.
    timeout: seconds that one call may take, from its last `report` on if it reports.
    max_characters: length at which a result is cut before the model sees it.
    isolated: run calls in a worker process. imports: modules that it imports before its first call.
    release: gives back the memory kept between calls and returns whether there was any.
    Raises PluginContractError, naming the plugin, if the declaration cannot work.
    """

    def decorate(function: Callable[..., Output]) -> Plugin:
        if isinstance(imports, str):
            raise PluginContractError(name, f"imports must be a list of modules: write [{imports!r}]")
        made = Plugin(name, label, function, timeout, max_characters, isolated, tuple(imports), release)
        check(made)
        return made

    return decorate


def check(made: Plugin) -> None:
    """Raise PluginContractError if the plugin cannot work as declared."""
    if not NAME.fullmatch(made.name):
        raise PluginContractError(repr(made.name), "the name must be a letter followed by letters, digits or _")
    if not LABEL.fullmatch(made.label):
        raise PluginContractError(made.name, "the label must be one short line without : < > |")
    if made.imports and not made.isolated:
        raise PluginContractError(made.name, "imports are for isolated plugins: import inside the function instead")
    if not 0 < made.timeout <= LONGEST or made.max_characters < 1:
        raise PluginContractError(made.name, "timeout must be above 0 s and at most a day, max_characters above 0")
    if not made.arguments:
        raise PluginContractError(made.name, "the function needs a positional parameter for the model's argument")
    if inspect.iscoroutinefunction(made.function) or inspect.isgeneratorfunction(made.function):
        raise PluginContractError(made.name, "the function must be a plain function, not async and not a generator")
    for p in made.options.values():
        if p.default is p.empty:
            raise PluginContractError(made.name, f"the setting {p.name!r} needs a default")
