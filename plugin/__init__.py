"""The engine: predictions, scores, confident learning, and what is written to a dataset."""
