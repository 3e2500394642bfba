"""The record of a run, kept with its dataset."""
