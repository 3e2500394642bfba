"""A score for each annotated object of a mask."""
