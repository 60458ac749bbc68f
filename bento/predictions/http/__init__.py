"""The HTTP face of the prediction service: paths, requests, answers, problems, keys, limits, metrics."""
