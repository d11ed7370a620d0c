"""One file a method; registry.py names them all."""
