"""The training table of the match model: each match as it looked just before it was played.

The table joins two parts that may not know each other: the contests of `datasets.matches`, in the order of play, and
the ratings of `models.match`, which say of each what was expected before learning from it.
"""

import numpy as np
import pandas as pd

from cs2_pipeline.datasets.matches import in_order
from cs2_pipeline.datasets.rounds import parts_in_order
from cs2_pipeline.datasets.schema import MATCH_DATASET
from cs2_pipeline.models.match import elo
from cs2_pipeline.models.match.ratings import Ratings
from cs2_pipeline.models.match.table import contests, rounds


def build(played: pd.DataFrame) -> pd.DataFrame:
    """The match dataset of a table of contests.

    Args:
        played: `schema.CONTESTS`, in any order.

    Returns:
        `schema.MATCH_DATASET` in the order of play; the first matches are in part ``train``, the last in ``test``.

    Raises:
        DatasetError: there are none, a match is there twice, or there are too few to split.
    """
    frame = in_order(played)
    asked, won = contests(frame)
    outlooks = Ratings().learn(asked, won, rounds(frame))
    frame = frame.assign(
        best_of=pd.array([contest.best_of for contest in asked], dtype="Int64"),
        latent=np.array([outlook.latent for outlook in outlooks]),
        variance=np.array([outlook.variance for outlook in outlooks]),
        elo=np.array(elo.expected(asked, won)),
        part=parts_in_order(len(frame)),
    )
    return MATCH_DATASET.conform(frame)
