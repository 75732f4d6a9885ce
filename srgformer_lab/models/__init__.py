"""What is computed: from a ``Dataset`` to scores, with every value on the way open to reading and editing.

A room of its own so that the mathematics stands in one place and knows nothing of files, training runs or pictures.
Sampling and losses are here too: they are part of what the model is defined by, and imports point down.
"""
