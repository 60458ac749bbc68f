"""Metrics with intervals, slices, reliability, laws, comparison of models, the promotion rule, the model card."""
