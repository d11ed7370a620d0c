"""Model and records -> scores."""
