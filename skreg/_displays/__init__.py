"""Displays, one module each; `skreg.inspection` is where they are public."""
