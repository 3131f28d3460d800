"""Compiled kernels: no validation, no allocation in inner loops."""
