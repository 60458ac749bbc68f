"""Which of a package's dataclasses and structs may be changed once they are made: values are not."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import msgspec


def dataclasses_of(package: ModuleType) -> Iterator[type]:
    """The dataclasses that the modules of a package define, private ones too."""
    return (one for one in _classes_of(package) if dataclasses.is_dataclass(one))


def changeable(package: ModuleType) -> set[str]:
    """Names of its dataclasses and msgspec structs that are not frozen."""
    structs = {one for one in _classes_of(package) if issubclass(one, msgspec.Struct)}
    return {one.__name__ for one in dataclasses_of(package) if not one.__dataclass_params__.frozen} | {
        one.__name__ for one in structs if not one.__struct_config__.frozen
    }


def _classes_of(package: ModuleType) -> Iterator[type]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" in found.name:
            continue  # Alembic alone can run them
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == found.name:
                yield value
