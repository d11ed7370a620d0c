"""Palimpsest: train language models on text, delete some of it on request, and show what is
left."""

__version__ = "0.1.0"
