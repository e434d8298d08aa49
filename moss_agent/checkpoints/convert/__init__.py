"""MOSS checkpoints in other shapes: safetensors, GPT-J, CTranslate2.

Each conversion goes through its source a file at a time, checks what it has written against it, and only then gives the
folder its name. A source is fetched weights or a folder; nothing in it is executed.
"""
