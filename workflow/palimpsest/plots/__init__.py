"""Figures: one file each, with what it selects from the tidy table and how that is drawn
(registry.py); ``choice`` and ``style`` are what they have in common."""
