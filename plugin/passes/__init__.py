"""What is done with each image of a run, from files to files: in threads here, or on machines without a database."""
