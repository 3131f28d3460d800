"""What each regularizer is worth on real data: ``python -m benchmarks.regularizers``.

What needs a network to start from (``l2_anchor``, ``frozen_layers``) is not measured.
"""
