"""The panels: a dataset's runs, and one image's suspects."""
