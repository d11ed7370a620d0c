"""One file an attack; registry.py names them all."""
