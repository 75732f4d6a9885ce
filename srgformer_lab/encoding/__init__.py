"""Pretrained encoders of texts and pictures: which there are, and features that they make for a data folder.

The libraries that run them come with the extra ``[encoders]`` and are loaded only where one is asked for.
"""
