"""Benchmarks: ours beside what is usual, in one run on one machine. What counts is the ratio."""
