"""What in this folder holds no doctests: the scripts of the build and what they write."""

collect_ignore_glob = ["*.py", "_build", "gallery", "generated"]
