"""The options that `ask` and `chat` share, and the way from them to a model with plugins."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING

from moss_agent.cli.text import one_line
from moss_agent.extras import need
from moss_agent.settings import Settings, load_settings

if TYPE_CHECKING:
    from moss_agent.cli.printing import Printer
    from moss_agent.runtime import Runtime


def add_debug_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def add_plugin_dir_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--plugin-dir",
        dest="plugin_dirs",
        metavar="DIR",
        action="append",
        help="folder with plugins of your own: modules and packages, but _*; may be given several times",
    )


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Add options that become settings: each `dest` is the name of a field of `Settings`."""
    plugins = parser.add_argument_group("plugins")
    plugins.add_argument(
        "--plugins",
        metavar="NAMES",
        type=_names,
        help="plugins to enable, such as calculator,web_search; none for no plugin (default: all)",
    )
    add_plugin_dir_option(plugins)
    model = parser.add_argument_group("model")
    add = model.add_argument
    add("--model", metavar="NAME", help="mini, a folder, or a name on the Hugging Face hub (default: mini)")
    add("--server", metavar="URL", help="use the model that a server has, such as Ollama on http://127.0.0.1:11434")
    add("--server-model", metavar="NAME", help="which of the server's models (default: the only one)")
    add(
        "--family",
        metavar="NAME",
        help="what the model is told: mini, moss, tools or shown (default: by the model)",
    )
    add(
        "--dialect",
        metavar="KIND",
        help="how it calls plugins: tools, as chat models do; moss; shown, as MOSS by examples (default: what fits)",
    )
    add_placement_options(model)
    add(
        "--temperature",
        metavar="T",
        type=float,
        help="0 for the likeliest words, up to 1 for varied ones (default: by family)",
    )
    add("--seed", metavar="N", type=int, help="makes answers repeatable when the temperature is above 0")
    add("--max-new-tokens", metavar="N", type=int, help="longest thought or answer, in tokens (default: by family)")
    add_debug_option(parser)


def add_plain_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plain",
        action="store_true",
        help="for screen readers: no colours, nothing that moves, Markdown as it is written",
    )


def add_history_options(parser: argparse.ArgumentParser) -> None:
    """Add options that say which stored conversation to go on with, and whether to store."""
    history = parser.add_argument_group("stored conversations")
    which = history.add_mutually_exclusive_group()
    which.add_argument(
        "-c", "--continue", dest="resume", action="store_const", const="last", help="go on with the last conversation"
    )
    which.add_argument(
        "--id", dest="resume", metavar="ID", help="go on with this one, as moss-agent log list shows it; or with a turn"
    )
    history.add_argument(
        "--no-log", dest="log", action="store_false", default=None, help="store nothing of what is said"
    )


def add_placement_options(parser: argparse._ActionsContainer) -> None:
    """Add options that say where the model goes and how large it is there."""
    add = parser.add_argument
    add("--device", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--dtype", help="auto, fp32, fp16, bf16 (default: auto)")
    add("--quantize", metavar="KIND", help="int8 or int4: pack the weights, for half or a third of the memory")
    add("--context-length", metavar="N", type=int, help="tokens a conversation may take (default: by family)")
    add("--tp", metavar="N", type=int, help="split every layer over N processes, which torchrun starts")
    add(
        "--max-memory",
        metavar="SIZES",
        type=_sizes,
        help="use these devices and at most so much of them, as in 0=20GB,1=20GB,cpu=60GB",
    )
    add("--offload-folder", metavar="DIR", help="keep on disk there what fits in no memory; slow")


def settings_from(parsed: argparse.Namespace) -> Settings:
    """Return the settings file, the environment and the options given, each above the one before. Raises UsageError."""
    return load_settings({item.name: getattr(parsed, item.name, None) for item in fields(Settings)})


def open_runtime(settings: Settings, printer: Printer | None = None) -> Runtime:
    """Return the model and plugins that are asked for; the printer says what is loaded. Raises MossAgentError."""
    if printer and not settings.server:
        printer.passing(f"Loading {one_line(settings.model)}...")
    from moss_agent.runtime import Runtime

    silence_for(settings)
    return Runtime.from_settings(settings)


def follow(parsed: argparse.Namespace) -> None:
    """Compute until the leading process ends, and leave, if this is another one of the processes of a model."""
    from moss_agent.engine.backends.tensor_parallel import is_follower

    if is_follower() and (settings := settings_from(parsed)).tp > 1:
        open_runtime(settings)


def silence_for(settings: Settings) -> None:
    """Keep the libraries that the model needs off the screen, if it needs any. Raises as `silence_libraries` does."""
    from moss_agent.opening.local import is_light

    if not (settings.server or is_light(settings)):
        silence_libraries()


def silence_libraries() -> None:
    """Keep the advice and loading bars of transformers and torch, meant for their developers, off the screen.

    Raises MissingDependency if they are not installed.
    """
    need("local")
    import logging as python_logging
    import warnings

    from huggingface_hub.utils import enable_progress_bars
    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for library in ("bitsandbytes", "accelerate"):
        python_logging.getLogger(library).setLevel(python_logging.ERROR)
    enable_progress_bars()  # disabled along with it, but a download of gigabytes should be seen


def _sizes(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(separator for _, separator, _ in pairs):
        raise argparse.ArgumentTypeError("write it like 0=20GB,cpu=60GB")
    return {device.strip(): size.strip() for device, _, size in pairs}


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())
