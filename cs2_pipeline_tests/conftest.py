"""For all tests: the order in which they run."""


def pytest_collection_modifyitems(items):
    """The longest first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: "test_end_to_end" not in item.nodeid)
