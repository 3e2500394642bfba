"""All that a run writes to the samples of a FiftyOne dataset: fields, views, verdicts."""
