"""Benchmarks: how fast a step is, beside the straightforward PyTorch."""
