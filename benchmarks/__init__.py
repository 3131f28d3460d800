"""Speed of skreg beside its peers, as ratios within one run: ``python -m benchmarks``."""
