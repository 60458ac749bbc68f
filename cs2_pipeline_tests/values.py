"""Which of a package's dataclasses may be changed once they are made: values are not, so nobody changes another's."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def dataclasses_of(package: ModuleType) -> Iterator[type]:
    """The dataclasses that the modules of a package define, private ones too."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == found.name and dataclasses.is_dataclass(value):
                yield value


def changeable(package: ModuleType) -> set[str]:
    """Names of those that are not frozen."""
    return {one.__name__ for one in dataclasses_of(package) if not one.__dataclass_params__.frozen}
