"""The tidy table, and what it says in words and small tables."""
