"""What can be loaded: checkpoints that are fetched, verified, prepared and kept in the user's cache.

Nothing here is fetched, and torch is not imported, before a function is called.
"""
