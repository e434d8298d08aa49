"""The models that this program knows by name. Others load as well; their family has to be named then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """size: what is fetched, as text; parameters: how many; context: in tokens; languages: codes; summary: one line."""

    name: str
    size: str
    parameters: float
    licence: str
    context: int
    languages: str
    summary: str


CATALOG = [
    Entry(
        "mini",
        "93 MB",
        0.135e9,
        "Apache-2.0",
        2048,
        "en zh",
        "SmolLM2-135M with our adapter: small, quick, often wrong",
    ),
    Entry("fnlp/moss-moon-003-sft-plugin", "33 GB", 16.7e9, "AGPL-3.0", 2048, "en zh", "MOSS, taught to use plugins"),
    Entry(
        "fnlp/moss-moon-003-sft",
        "33 GB",
        16.7e9,
        "AGPL-3.0",
        2048,
        "en zh",
        "MOSS, taught to converse, without plugins",
    ),
    Entry(
        "fnlp/moss-moon-003-base", "33 GB", 16.7e9, "AGPL-3.0", 2048, "en zh", "MOSS before it was taught to converse"
    ),
]
