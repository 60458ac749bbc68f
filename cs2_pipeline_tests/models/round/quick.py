"""The round model's training, shortened: for tests of what surrounds it."""

from cs2_pipeline.models.round import networks, predictor, rows


def train_quickly(patch, *, epochs):
    """Fit in few epochs and two folds."""
    patch.setattr(networks, "MAX_EPOCHS", epochs)
    for module in (predictor, rows):
        patch.setattr(module, "FOLDS", 2)
        patch.setattr(module, "NO_FOLD", 2)
