"""The forms: what an operator asks, with warnings and estimates."""
