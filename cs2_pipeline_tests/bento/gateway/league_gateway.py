"""``python -m cs2_pipeline_tests.bento.gateway.league_gateway PORT``: a gateway that forecasts for the small league."""

import sys

import uvicorn

from bento.gateway import forecasts
from bento.gateway.app import build_app
from cs2_pipeline import settings
from cs2_pipeline_tests.forecasting.league import Strengths


class LeagueForecasting(forecasts.Forecasting):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.forecaster = Strengths()


if __name__ == "__main__":
    forecasts.Forecasting = LeagueForecasting
    uvicorn.run(build_app(settings.load()), port=int(sys.argv[1]), log_level="warning", access_log=False)
