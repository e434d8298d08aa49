"""HTTP for every room: one kind of client, requests that another thread can end, failures told apart by their type.

`client` opens it, `sending` sends with it, `failures` says what went wrong.
"""
