"""How a model is told of plugins, calls them, and is given their results."""
