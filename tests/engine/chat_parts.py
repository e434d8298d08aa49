"""Chat templates in the shape of today's families, a tokenizer with their tokens, and a model that writes a script."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from transformers import AddedToken, PreTrainedModel, PreTrainedTokenizerFast

from moss_agent.engine.backends.batched import BatchedBackend
from moss_agent.engine.loading import end_tokens, own_sampling
from moss_agent.engine.local import LocalModel
from moss_agent.engine.local_chat import LocalChatModel
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache
from moss_agent.messages import Message, Tool
from tests.engine.tiny import make_tokenizer

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|head|>", "<|/head|>", "<|eot|>", "[INST]", "[/INST]"]
ORDINARY = ["<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]"]  # added, but not special

TAGGED = """
{%- if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set messages = messages[1:] %}{% endif %}
{{- '<|im_start|>system\n' ~ (system or 'You help.') }}
{%- for tool in tools or [] %}{{ '\n' ~ (tool | tojson) }}{% endfor %}
{{- '\nTo call one: <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call><|im_end|>\n' }}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- if message.reasoning_content and KEEPS %}
            {{- '<think>\n' ~ message.reasoning_content ~ '\n</think>\n\n' }}
        {%- endif %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}
            {{- ('\n' if message.content or not loop.first else '') ~ '<tool_call>\n{"name": "' ~ call.function.name }}
            {{- '", "arguments": ' ~ (call.function.arguments | tojson) ~ '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' ~ message.content ~ '\n</tool_response><|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""
HERMES = TAGGED.replace("KEEPS", "true")
FORGETS = TAGGED.replace("KEEPS", "loop.last")  # drops the thoughts of earlier messages

LLAMA = """
{%- if messages[0].role == 'system' %}{{ raise_exception('no system message, please') }}{% endif %}
{%- for message in messages %}
    {%- if message.tool_calls %}
        {%- if message.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|head|>assistant<|/head|>\n\n{"name": "' ~ call.name ~ '", "parameters": ' }}
        {{- call.arguments | tojson ~ '}<|eot|>' }}
    {%- else %}
        {{- '<|head|>' ~ ('ipython' if message.role == 'tool' else message.role) ~ '<|/head|>\n\n' }}
        {%- if loop.first %}
            {%- for tool in tools or [] %}{{ tool | tojson(indent=2) ~ '\n\n' }}{% endfor %}
            {{- 'Answer with {"name": ..., "parameters": {...}} to call one.\n\n' }}
        {%- endif %}
        {{- message.content | trim ~ '<|eot|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|head|>assistant<|/head|>\n\n' }}{% endif %}
"""

MISTRAL = """
{%- for message in messages %}
    {%- if message.role == 'system' %}{{ message.content ~ '\n\n' ~ (tools | tojson) }}
    {%- elif message.role == 'user' %}{{ '[INST]' ~ message.content ~ '[/INST]' }}
    {%- elif message.tool_calls %}
        {%- for call in message.tool_calls %}
            {%- if call.id | length != 9 %}{{ raise_exception('ids have 9 characters') }}{% endif %}
            {{- '[TOOL_CALLS]' ~ call.function.name ~ '[ARGS]' + call.function.arguments }}
        {%- endfor %}
        {{- '<|endoftext|>' }}
    {%- else %}{{ message.content ~ '<|endoftext|>' }}
    {%- endif %}
{%- endfor %}
"""

ADD = Tool("add", "Add two numbers.", {"type": "object", "properties": {"a": {"type": "integer"}}})
LOOK = Tool("look", "Look it up.", {"type": "object", "properties": {"text": {"type": "string"}}})
SYSTEM = Message("system", "You are an agent.")


def chat_tokenizer(template: str) -> PreTrainedTokenizerFast:
    tokenizer = make_tokenizer(SPECIAL)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in ORDINARY])
    tokenizer.chat_template = template
    tokenizer.name_or_path = "some/model"
    return tokenizer


class ScriptedBackend(BatchedBackend):
    """Bends the logits so that a model writes the given tokens wherever it is asked to write."""

    def __init__(self, model: PreTrainedModel, prompt_end: list[int]) -> None:
        super().__init__(model)
        self._prompt_end = prompt_end
        self.tokens: list[int] = []
        self.read: list[int] = []  # how many ids each step has computed

    def forward(
        self, caches: Sequence[Cache], ids: Sequence[Sequence[int]], wanted: Sequence[int] | None = None
    ) -> list[Logits]:
        rows = super().forward(caches, ids, wanted)
        left = iter(rows)
        for part, count in zip(ids, wanted or [1] * len(ids), strict=True):
            told, guess = part[: len(part) - count + 1], [*part[len(part) - count + 1 :], None]
            self.read.append(len(told))
            is_asked = len(told) == 1 or list(told[-len(self._prompt_end) :]) == self._prompt_end
            for row, guessed in zip(list(islice(left, count)), guess, strict=True):
                if is_asked and self.tokens:
                    written = self.tokens.pop(0)
                    row[written] = 1e6
                    is_asked = written == guessed
        return rows


def open_chat(model: PreTrainedModel, template: str, **options: object) -> tuple[LocalChatModel, ScriptedBackend]:
    """A chat model on a random one; and its backend, which can be given what to write."""
    tokenizer = chat_tokenizer(template)
    end = "<|/head|>\n\n" if template == LLAMA else "[/INST]" if template == MISTRAL else "assistant\n"
    backend = ScriptedBackend(model, tokenizer.encode(end, add_special_tokens=False))
    settings = {"context_length": 1500, **options}
    ends = end_tokens(model, tokenizer)
    local = LocalModel(tokenizer, backend, end_tokens=ends, own_sampling=own_sampling(model), **settings)  # type: ignore[arg-type]
    local.end_tokens |= {tokenizer.convert_tokens_to_ids(text) for text in ("<|im_end|>", "<|eot|>")}
    return LocalChatModel(local, sampling={}, max_new_tokens=60), backend
