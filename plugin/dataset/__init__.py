"""All that is written to a FiftyOne dataset: fields, views, records."""
