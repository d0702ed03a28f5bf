"""Plain PyTorch training: snapshots and model directories in, a model directory out.

The engine knows no database and no web framework. It runs alone on a GPU machine:
``python -m training.engine run SPEC.json --out DIR``. See ``README.md`` beside this
file for the specification, the events and the files it leaves.
"""
