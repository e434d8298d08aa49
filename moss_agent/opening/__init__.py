"""From settings to plugins, and to a model with the dialect that it speaks."""
