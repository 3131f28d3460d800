"""Succeed when this machine's processor has every feature named on the command line."""

import sys

import llvmlite.binding

features = llvmlite.binding.get_host_cpu_features()
sys.exit(not all(features.get(name) for name in sys.argv[1:]))
