"""What is known: users, items, who took what, what the items look like.

A room of its own so that a data set can be read, checked and shown before any model exists, and without importing torch.
Every reader, and the built-in world, ends in the same validated ``Dataset``.
"""
