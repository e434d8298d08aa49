"""What computes the next token: a model of transformers in this process, or a server."""
