"""How a model becomes good, and how good it is: the one training loop, the metrics, and the run folder that keeps both.

A room of its own so that the command line, the app and a script all train in the same way and leave the same folder.
"""
