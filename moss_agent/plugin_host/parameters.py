"""The parameters of a plugin that the model fills: their JSON schema, and binding what a model wrote to them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from moss_agent.errors import PluginContractError, PluginError
from moss_agent.events import Value
from moss_agent.plugin_host.kinds import Kind, UnreadableValue, kind_of, shown

KINDS = "str, int, float, bool, Literal[...], list[...] of these, or one of them | None"


@dataclass(frozen=True)
class Parameter:
    """One parameter that the model fills. `default` counts if it is not required."""

    name: str
    kind: Kind
    required: bool = True
    default: Any = None
    description: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value, with the description and the default if there are any."""
        described = {"description": self.description} if self.description else {}
        default = {"default": self.default} if _is_plain(self.default) and not self.required else {}
        return {**self.kind.schema, **described, **default}


def parameters_of(function: Callable[..., Any], plugin: str) -> tuple[Parameter, ...]:
    """Read the positional parameters of a function. Raises PluginContractError for an annotation that is no kind."""
    made = []
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.POSITIONAL_ONLY:
            raise PluginContractError(plugin, f"the parameter {p.name!r} must not be positional-only: remove the /")
        if p.kind is p.POSITIONAL_OR_KEYWORD:
            kind, description = _declared(p, function, plugin)
            required = p.default is p.empty
            made.append(Parameter(p.name, kind, required, None if required else p.default, description))
    return tuple(made)


def annotation_of(parameter: inspect.Parameter, function: Callable[..., Any]) -> Any:
    """Resolve one annotation, whatever the others are. Raises whatever its evaluation raises."""
    only = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    names = getattr(inspect.unwrap(function), "__globals__", {})
    return get_type_hints(only, names, include_extras=True)[parameter.name]


def schema_of(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the JSON schema of all arguments together, as an object."""
    return {
        "type": "object",
        "properties": {parameter.name: parameter.schema for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
        "additionalProperties": False,
    }


def bind(
    plugin: str, parameters: Sequence[Parameter], arguments: Sequence[Value], named: Mapping[str, Value] = {}
) -> dict[str, Any]:
    """Return the typed arguments by name, without those that are left to their defaults.

    Arguments beyond the last parameter are dropped: models write explanations there. None means left out where the
    parameter has a default and None is no value of it. Raises PluginError, naming plugin and parameter.
    """
    written = dict(_written(plugin, [parameter.name for parameter in parameters], arguments, named))
    bound = {}
    for parameter in parameters:
        name, kind = parameter.name, parameter.kind
        if name not in written and parameter.required:
            raise PluginError(f"{plugin}: {name} is missing: it must be {kind.words}")
        if name in written:
            try:
                bound[name] = kind.read(written[name])
            except UnreadableValue:
                if written[name] is None and not parameter.required:
                    continue
                raise PluginError(f"{plugin}: {name} must be {kind.words}, not {shown(written[name])}") from None
    return bound


def _written(
    plugin: str, names: Sequence[str], arguments: Sequence[Value], named: Mapping[str, Value]
) -> Iterator[tuple[str, Value]]:
    """Yield each written value with the name of its parameter. Raises PluginError for unknown and repeated names."""
    positional = names[: len(arguments)]
    yield from zip(names, arguments, strict=False)
    for name, value in named.items():
        if name not in names:
            raise PluginError(f"{plugin} has no parameter {shown(name)}; it has: {', '.join(names) or 'none'}")
        if name in positional:
            raise PluginError(f"{plugin}: {name} is given twice")
        yield name, value


def _declared(parameter: inspect.Parameter, function: Callable[..., Any], plugin: str) -> tuple[Kind, str]:
    """Return the kind that an annotation declares, and the description if it is `Annotated[kind, "description"]`."""
    try:
        annotation = str if parameter.annotation is parameter.empty else annotation_of(parameter, function)
        kind, *notes = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        return kind_of(kind), next((" ".join(note.split()) for note in notes if isinstance(note, str)), "")
    except Exception:  # an annotation may be anything, and name what is not there
        problem = f"the parameter {parameter.name!r} must be annotated as {KINDS}"
        raise PluginContractError(plugin, problem) from None


def _is_plain(value: Any) -> bool:
    """Return whether JSON has the value."""
    return type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
