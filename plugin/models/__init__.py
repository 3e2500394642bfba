"""Networks, their weights, and models of the user's."""
