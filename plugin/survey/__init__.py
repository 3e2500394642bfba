"""The random sample that people judge, and what it says of all masks: how many errors there are, and are left."""
