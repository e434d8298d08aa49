"""Fine-tuning of a causal language model on conversations of the protocol; nothing is imported before it is needed."""
