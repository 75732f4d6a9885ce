"""The questions that the paper leaves open, as experiments that anybody can repeat: many trainings, one table, one figure.

A room of its own above the training loop, so that an experiment is nothing but run folders and what is read from them.
"""
