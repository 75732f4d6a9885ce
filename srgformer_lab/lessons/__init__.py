"""The lessons: which there are, how an answer is checked, how a filled-in notebook is graded, and what was solved on this machine.

The notebooks stand in ``tutorials/``; a room of its own so that a teacher can check and grade without opening one.
"""
