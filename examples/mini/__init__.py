"""How the bundled mini model is made: generated conversations that teach a small model the plugin protocol."""
