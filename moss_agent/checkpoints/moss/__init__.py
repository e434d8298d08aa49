"""MOSS for today's transformers: configuration, model and tokenizer, known to the Auto classes once registered.

The published checkpoints carry model code of their own, which no transformers of the last years can run. These classes
load the same files in its place. Registered, they come before a checkpoint's `auto_map`, which is never followed.
"""


def register() -> None:
    """Make `AutoConfig`, `AutoModelForCausalLM` and `AutoTokenizer` load checkpoints of `model_type: moss`.

    May be called any number of times.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

    from moss_agent.checkpoints.moss.configuration import MossConfig
    from moss_agent.checkpoints.moss.modeling import MossForCausalLM, MossModel
    from moss_agent.checkpoints.moss.tokenization import MossTokenizer

    AutoConfig.register("moss", MossConfig, exist_ok=True)
    AutoModel.register(MossConfig, MossModel, exist_ok=True)
    AutoModelForCausalLM.register(MossConfig, MossForCausalLM, exist_ok=True)
    AutoTokenizer.register(MossConfig, MossTokenizer, exist_ok=True)
