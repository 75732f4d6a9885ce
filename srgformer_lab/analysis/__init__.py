"""Why a model says what it says: its score taken apart into pieces that add up to it, and what happens without them.

A room of its own beside learning, not above it: explanations take models and traces and never look into run folders.
"""
