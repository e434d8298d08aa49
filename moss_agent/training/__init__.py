"""Generated conversations that teach a small model the plugin protocol."""
