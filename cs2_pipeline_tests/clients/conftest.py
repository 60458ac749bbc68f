"""The clients are tested against the service of the service's own tests."""

from cs2_pipeline_tests.bento.conftest import new_home, served_home, server

__all__ = ["new_home", "served_home", "server"]
