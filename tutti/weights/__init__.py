"""Weights of models: fetched from S3 into a directory, whole and checked, before Triton starts.

`python -m tutti.weights` fetches and prints the directory. `python -m tutti.weights -- tritonserver …` fetches, then
becomes that command with MUSCGEN_MODEL_DIR set.
"""
