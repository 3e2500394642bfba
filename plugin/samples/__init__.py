"""What comes in from FiftyOne: the samples that take part, and datasets made from folders."""
