"""The torch room: loading a model, and sessions that hold its token ids and KV cache. `remote` does without torch."""
