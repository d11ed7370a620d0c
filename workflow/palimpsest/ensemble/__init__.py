"""Joining the outputs of teachers."""
