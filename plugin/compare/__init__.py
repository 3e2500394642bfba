"""Two runs side by side: what has changed from one to the other."""
