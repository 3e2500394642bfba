"""A run as one self-contained page for whoever decides about a dataset."""
