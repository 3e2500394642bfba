"""The path by which version 0.1.0 offered the benchmark; it is ``label_quality.benchmark_scores`` now."""

from .benchmark.run import BenchmarkSummary, benchmark_scores, delete_benchmark, list_benchmarks, load_benchmark

__all__ = ["BenchmarkSummary", "benchmark_scores", "delete_benchmark", "list_benchmarks", "load_benchmark"]
