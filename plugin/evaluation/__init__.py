"""A run's predicted masks as an evaluation of FiftyOne's own, for its Model Evaluation panel."""
