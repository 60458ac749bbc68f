"""What can go wrong in training that its user can mend."""


class TrainingError(ValueError):
    """A dataset no model can be trained on; the message says what is wrong and what to do."""
