"""What FiftyOne keeps of a dataset, whoever writes it: schema, indexes, values, custom runs, saved views, display."""
