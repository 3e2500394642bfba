"""Classes, given masks and images, as arrays."""
