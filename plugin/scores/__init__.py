"""The eight scores of an image's label quality."""
