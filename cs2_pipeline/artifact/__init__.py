"""The one artifact of a model and the cache of champions: written by training, read by serving.

Needs neither torch nor mlflow.
"""
