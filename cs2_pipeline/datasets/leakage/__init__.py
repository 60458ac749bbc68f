"""The leakage audit: whether a training table tells a model what it could not know when it is asked."""
