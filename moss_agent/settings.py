"""All settings in one frozen value, from defaults, a file, the environment and flags, each above the one before.

The file is TOML: the fields below, a table `[plugins.KEY]` for each plugin that has settings, and one
`[approval]`, which says whether calls are allowed, by plugin or effect.

    model = "mini"
    temperature = 0.7

    [plugins.text_to_image]
    pipeline = "stabilityai/sd-turbo"

    [approval]
    network = "ask"
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.plugin_host import Decision, Plugin, Policy
from moss_agent.resources import read_text, user_path
from moss_agent.session import Sampling

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DIALECTS = ("", "moss", "tools", "shown")
QUANTIZED = ("", "int8", "int4")
LONGEST_FILE = 1_000_000  # bytes
LONGEST_TIMEOUT = 1_000_000  # seconds
_KINDS: dict[str, tuple[str, tuple[type, ...], tuple[type, ...]]] = {  # in words, types of the value and its items
    "bool": ("true or false", (bool,), ()),
    "str": ("a text", (str,), ()),
    "int": ("a whole number", (int,), ()),
    "float": ("a number", (int, float), ()),
    "tuple[str | Plugin, ...]": ("a list of names", (list, tuple), (str, Plugin)),
    "tuple[str, ...]": ("a list of texts", (list, tuple), (str,)),
    "Mapping[str, str]": ("a table of texts", (dict,), (str,)),
    "Mapping[str, Decision]": ("a table", (dict,), (object,)),  # Policy checks the decisions
    "Mapping[str, Mapping[str, Any]]": ("a table of tables", (dict,), (Mapping,)),
}


@dataclass(frozen=True)
class Settings:
    """What to run and how. None means: what the model's family or the machine suggests.

    model: `mini`, a folder, or a name on the model hub.
    family: file in `prompts/` that says how the model was trained; empty for the model's own.
    dialect: how the model calls plugins: `moss`, its text; `tools`, a chat model's own tool calls; `shown`, MOSS's text
        shown by examples. Empty for what fits the model.
    plugins: keys or command names of the plugins to enable, or plugins themselves; None for all.
    plugin_dirs: folders with the user's plugins.
    plugin_settings: by plugin key, values for the plugin's keyword-only parameters.
    approval: by plugin key or effect, whether calls are allowed: `allow`, `ask`, `deny`.
    device: `auto`, `cpu`, `cuda`, `cuda:N`, `mps`; dtype: `auto`, `fp32`, `fp16`, `bf16`.
    quantize: `int8` or `int4` to pack the weights while loading; empty for neither.
    tp: processes of torchrun that share every layer of the model.
    max_memory: sizes such as `20GB` by device, `0` for the first GPU or `cpu`; others are not used then.
    offload_folder: where weights may go that fit in no memory; empty for nowhere.
    server: address of a server that has the model, such as `http://127.0.0.1:8000`; then `model`, `device` and
        `dtype` mean nothing. server_model: its name there, if there are several. server_timeout: seconds to wait
        for the next piece of text. A key is read from the variable MOSS_AGENT_API_KEY, and from nowhere else.
    context_length: tokens the conversation may take, at most what the model can see.
    cache_memory: size such as `2GB` that the KV caches of all conversations may take; empty for half of what is free.
    max_rounds: how often the model may call plugins in one turn; None for the family's: MOSS and mini are trained for
        once, chat models may 8 times.
    log: whether the command line stores conversations. keep_days: it deletes those that were not used for so long.
    seed: makes sampling reproducible.
    The others are those of `session.Sampling`.
    """

    model: str = "mini"
    family: str = ""
    dialect: str = ""
    plugins: tuple[str | Plugin, ...] | None = None
    plugin_dirs: tuple[str, ...] = ()
    plugin_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    approval: Mapping[str, Decision] = field(default_factory=dict)
    device: str = "auto"
    dtype: str = "auto"
    quantize: str = ""
    tp: int = 1
    max_memory: Mapping[str, str] = field(default_factory=dict)
    offload_folder: str = ""
    server: str = ""
    server_model: str = ""
    server_timeout: float = 300.0
    context_length: int | None = None
    cache_memory: str = ""
    max_rounds: int | None = None
    log: bool = True
    keep_days: int | None = None
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    max_new_tokens: int | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value, kind = getattr(self, item.name), str(item.type)
            if value is not None or not kind.endswith(" | None"):
                _check(item.name, value, kind.removesuffix(" | None"))
            if isinstance(value, list):
                object.__setattr__(self, item.name, tuple(value))
        if self.quantize not in QUANTIZED:
            raise UsageError(f"no quantization {self.quantize!r}: use {' or '.join(filter(None, QUANTIZED))}")
        Policy(self.approval)  # raises if a decision is none
        if self.tp < 1:
            raise UsageError("tp must be 1 or more processes")
        if self.dialect not in DIALECTS:
            raise UsageError(f"no dialect {self.dialect!r}: use {', '.join(filter(None, DIALECTS))}")
        if self.max_rounds is not None and self.max_rounds < 1:
            raise UsageError("max_rounds must be 1 or more")
        if self.keep_days is not None and self.keep_days < 1:
            raise UsageError("keep_days must be 1 or more; log = false stores nothing")
        if self.context_length is not None and self.context_length < 256:
            raise UsageError("context_length must be at least 256 tokens: the preamble alone may take 200")
        if self.seed is not None and not -(2**63) <= self.seed < 2**63:
            raise UsageError("seed must be a number of 64 bits")
        if not 0 < self.server_timeout <= LONGEST_TIMEOUT:
            raise UsageError(f"server_timeout must be above 0 and at most {LONGEST_TIMEOUT:,} seconds")

    def sampling(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return the family's values for `session.Sampling`, with what is set here instead and besides."""
        chosen = {item.name: getattr(self, item.name) for item in fields(Sampling)}
        return {**defaults, **{name: value for name, value in chosen.items() if value is not None}}


def _check(name: str, value: object, kind: str) -> None:
    """Raise UsageError if the value is not of the kind."""
    words, types, of_items = _KINDS[kind]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    is_right = isinstance(value, types) and isinstance(value, bool) == (kind == "bool")
    if not is_right or not all(isinstance(item, of_items) for item in items):
        raise UsageError(f"setting {name} must be {words}, not {value!r}")


def load_settings(flags: Mapping[str, Any] = {}) -> Settings:
    """Load settings from the file, the environment and `flags`; None among the flags means not given.

    The file is `MOSS_AGENT_SETTINGS` or `settings.toml` in the user's configuration folder. The
    variables are `MOSS_AGENT_MODEL`, `MOSS_AGENT_DEVICE`, `MOSS_AGENT_DTYPE` and `MOSS_AGENT_SERVER`.
    A `model` is used here, whatever server is named below it.
    Raises UsageError, naming the place, for anything that is no setting.
    """
    variables = {name: os.environ.get(f"MOSS_AGENT_{name.upper()}") for name in ("model", "device", "dtype", "server")}
    given = {name: value for name, value in flags.items() if value is not None}
    if "model" in given and given.get("server"):
        raise UsageError("--model is for models here: name the server's with --server-model, or leave out --server")
    values: dict[str, Any] = {}
    for layer in (_from_file(settings_file()), {name: value for name, value in variables.items() if value}, given):
        if "model" in layer and "server" not in layer:
            values["server"] = values["server_model"] = ""
        values.update(layer)
    if given.get("server_model") and not values.get("server"):
        raise UsageError("--server-model names a model of a server: add --server URL")
    return make_settings(values)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Make settings of names and values. Raises UsageError for an unknown name."""
    known = [item.name for item in fields(Settings)]
    for name in values:
        if name not in known:
            raise UsageError(f"no setting {name!r}; there are: {', '.join(known)}")
    return Settings(**values)


def settings_file() -> Path:
    """Return the path of the settings file."""
    from platformdirs import user_config_path

    named = os.environ.get("MOSS_AGENT_SETTINGS")
    return user_path(named) if named else user_config_path("moss_agent") / "settings.toml"


def _from_file(path: Path) -> dict[str, Any]:
    if not os.path.exists(path):
        if os.environ.get("MOSS_AGENT_SETTINGS"):
            raise UsageError(f"no settings file {path}")
        return {}
    try:
        values: dict[str, Any] = tomllib.loads(read_text(path, LONGEST_FILE))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None
    plugins = values.get("plugins")
    try:
        if isinstance(plugins, dict):  # tables [plugins.NAME], and `enabled`, which names the plugins to enable
            values["plugins"] = plugins.pop("enabled", None)
            if values["plugins"] is not None:
                _check("[plugins] enabled", values["plugins"], "tuple[str | Plugin, ...]")
            for name, table in plugins.items():
                if not isinstance(table, dict):
                    raise UsageError(f"plugins.{name} must be a table [plugins.{name}]")
            values["plugin_settings"] = plugins
        make_settings(values)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return values
