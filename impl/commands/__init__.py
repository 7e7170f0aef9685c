"""What operators run; `impl/__main__.py` is its command line."""
