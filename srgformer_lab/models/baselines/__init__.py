"""Simpler models on the same small protocol, one a file, so that every claim about SRGFormer has something to be held against."""
