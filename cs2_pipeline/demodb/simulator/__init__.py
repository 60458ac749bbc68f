"""The simulator: a small stochastic model of the game that fills a demo database (see docs/simulator.md).

`simulate` makes a database, `append_days` continues it, `GameModel` holds the game's parameters and
`truth_path` says where the exact probabilities of an equal-skill database are. Nothing else is for use outside,
but for `evaluation`, which may read the truth.
"""

from cs2_pipeline.demodb.simulator.exact import truth_path
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.demodb.simulator.simulation import SimulationError, SimulationReport, append_days, simulate

__all__ = ["GameModel", "SimulationError", "SimulationReport", "append_days", "simulate", "truth_path"]
