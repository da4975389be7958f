"""How fast tensorgrad is beside textbook NumPy and other libraries: run `python -m benchmarks` from the root."""
