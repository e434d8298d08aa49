"""Register MOSS in each process of vLLM: the entry point `moss` of `vllm.general_plugins`.

https://docs.vllm.ai/en/latest/design/plugin_system.html. Importing this module imports neither vLLM nor torch.
"""


def register() -> None:
    """Make vLLM read MOSS checkpoints as they were published. May be called any number of times."""
    from vllm import ModelRegistry

    from moss_agent.checkpoints import moss

    moss.register()  # for the configuration and the tokenizer
    # By name: importing the model here would initialise CUDA before vLLM forks.
    ModelRegistry.register_model("MossForCausalLM", "moss_agent.checkpoints.moss.vllm_model:MossForCausalLM")
