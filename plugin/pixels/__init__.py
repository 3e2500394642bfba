"""Compiled passes over the pixels of an image: tallies, pooling, components, resampling."""
