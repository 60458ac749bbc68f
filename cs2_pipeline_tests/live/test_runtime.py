"""The live feed of one process: what it says of itself before and while it works."""

from cs2_pipeline.live.runtime import Live
from cs2_pipeline.settings import Settings


def test_a_process_that_only_takes_events_prices_nothing_and_has_nothing_to_complain_of(tmp_path) -> None:
    live = Live(Settings(home=tmp_path), consume=False)
    live.start()
    assert live.complaint() is None and not live.wanted
    assert live.courier is None
    live.close()


def test_a_consumer_that_does_not_run_is_said_not_to(tmp_path) -> None:
    live = Live(Settings(home=tmp_path))
    assert live.complaint() == "the consumer is not running"
    live.start()
    assert live.complaint() is None and not live.wanted
    live.close()
