"""Generated data for the demo, benchmarks and tests."""
