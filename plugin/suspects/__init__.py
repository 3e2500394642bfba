"""Suspects, their types of error, and the issues that they make up."""
