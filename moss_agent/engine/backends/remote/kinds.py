"""What kinds of servers add to the API: their own names for sampling, token ids as prompts, a tokenizer.

Stop texts are watched for in what comes, and the request is closed when one has come: servers cut the stop text
off without saying which it was, and the API allows four. The exception is `transformers serve`, which keeps the
stop text, and leaves special tokens out, so that only it can see them.

Chat models keep the sampling that their server has for them, but for what the user sets: some refuse the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moss_agent.session import Sampling

Fields = dict[str, Any]

# Pieces of about the length of a token: where nobody tells how a text is tokenized, these are counted.
_FRAGMENT = re.compile(r" ?[A-Za-z]{1,5}|\d| ?[^\w\s]|\s+|.", re.DOTALL)


@dataclass(frozen=True)
class ServerKind:
    """A kind of server.

    sampling: the fields of a request that make it choose tokens as asked, beyond the temperature and top_p.
    chat: the fields of a chat request that stand for what the user has set of a `Sampling`, by its names.
    tokenize: the fields of a request to its `/tokenize`, by text and whether special tokens in it count as such;
        None if it has none. With it, prompts are sent as token ids and counts are exact.
    sends_stops: whether the server is told the stop texts.
    fields: what every request for text has.
    health: the page that is asked for while an answer is silent; any answer is a sign of life, a cheap one is best.
    """

    sampling: Callable[[Sampling], Fields]
    chat: Callable[[Mapping[str, Any]], Fields] = dict
    tokenize: Callable[[str, bool], Fields] | None = None
    sends_stops: bool = False
    fields: Fields = field(default_factory=dict)
    health: str = "/v1/models"


def fragments(text: str) -> list[str]:
    """Return `text` in pieces of about a token each, where no tokenizer is at hand."""
    return _FRAGMENT.findall(text)


def _plain_sampling(sampling: Sampling) -> Fields:
    """Return the names that most servers share, and only what differs from the API's defaults."""
    named = {"top_k": (sampling.top_k, 0), "repetition_penalty": (sampling.repetition_penalty, 1.0)}
    return {name: value for name, (value, neutral) in named.items() if value != neutral}


def _vllm_sampling(sampling: Sampling) -> Fields:
    return {"top_k": sampling.top_k or -1, "min_p": 0.0, "repetition_penalty": sampling.repetition_penalty}


def _llama_cpp_sampling(sampling: Sampling) -> Fields:
    return {
        "top_k": sampling.top_k,
        "min_p": 0.0,
        "repeat_penalty": sampling.repetition_penalty,
        "repeat_last_n": 1 << 16,  # all tokens; -1, which once meant that, is refused by now
        "samplers": ["penalties", "temperature", "top_k", "top_p"],
    }


def _transformers_sampling(sampling: Sampling) -> Fields:
    config = {
        "do_sample": sampling.temperature > 0,
        "top_k": sampling.top_k,
        "repetition_penalty": sampling.repetition_penalty,
    }
    return {"generation_config": json.dumps(config)}


def _vllm_chat(chosen: Mapping[str, Any]) -> Fields:
    return {name: -1 if (name, value) == ("top_k", 0) else value for name, value in chosen.items()}


def _llama_cpp_chat(chosen: Mapping[str, Any]) -> Fields:
    fields = {"cache_prompt": True, **chosen}
    if "repetition_penalty" in fields:
        fields |= {"repeat_penalty": fields.pop("repetition_penalty"), "repeat_last_n": 1 << 16}
    return fields


def _transformers_chat(chosen: Mapping[str, Any]) -> Fields:
    """Return what is sent by itself, and the rest in a config, which also says that there is something to choose."""
    fields = {name: chosen[name] for name in ("temperature", "top_p") if name in chosen}
    config = {name: value for name, value in chosen.items() if name not in fields}
    if "temperature" in chosen:
        config["do_sample"] = chosen["temperature"] > 0
    return fields | ({"generation_config": json.dumps(config)} if config else {})


PLAIN = ServerKind(_plain_sampling)
VLLM = ServerKind(
    _vllm_sampling,
    _vllm_chat,
    tokenize=lambda text, special: {"prompt": text, "add_special_tokens": False},
    fields={"skip_special_tokens": False, "spaces_between_special_tokens": False, "return_token_ids": True},
    health="/health",
)
LLAMA_CPP = ServerKind(
    _llama_cpp_sampling,
    _llama_cpp_chat,
    tokenize=lambda text, special: {"content": text, "add_special": False, "parse_special": special},
    fields={"cache_prompt": True},
    health="/health",
)
TRANSFORMERS = ServerKind(_transformers_sampling, _transformers_chat, sends_stops=True, health="/health")
