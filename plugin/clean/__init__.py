"""Clean datasets: all images with the best masks that are known, exported."""
