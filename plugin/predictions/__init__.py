"""One stream of predictions, from three sources."""
