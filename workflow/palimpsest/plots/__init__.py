"""Small tables -> figures: one file a figure, each with ``draw(frame, style)``; what they have in
common is in ``style``."""
