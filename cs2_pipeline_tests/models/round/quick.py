"""The round model's training, shortened: for tests of what surrounds it."""

from functools import partial

from cs2_pipeline.models.round import boosting, networks, predictor, rows


def train_quickly(patch, *, epochs):
    """Fit in few epochs, with few trees that each learn more, and in two folds."""
    patch.setattr(networks, "MAX_EPOCHS", epochs)
    patch.setattr(predictor, "BoostingParams", partial(boosting.BoostingParams, trees=30, learning_rate=0.3))
    for module in (predictor, rows):
        patch.setattr(module, "FOLDS", 2)
        patch.setattr(module, "NO_FOLD", 2)
