"""The files of a run: containers, locks, sets of files, shards of passes."""
