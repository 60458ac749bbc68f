"""What else many would choose: BentoML as its documentation shows it, before the very champion in ONNX Runtime.

What it costs beyond `onnx_service` is what BentoML's own layers cost. ``CS2_BENCH_ARTIFACT`` names the champion's
folder.
``bentoml serve benchmarks.bento_service:Rounds``
"""

import bentoml

from benchmarks.onnx_service import BoundedAnswer, RoundState, predict


@bentoml.service
class Rounds:
    """The champion behind two endpoints."""

    @bentoml.api(route="/predict/round")  # type: ignore[untyped-decorator]
    async def predict_round(self, state: RoundState, /) -> BoundedAnswer:
        """Who wins this round?"""
        return predict([state])[0]

    @bentoml.api(route="/predict/rounds")  # type: ignore[untyped-decorator]
    async def predict_rounds(self, states: list[RoundState]) -> list[BoundedAnswer]:
        """Who wins each of these rounds?"""
        return predict(states)
