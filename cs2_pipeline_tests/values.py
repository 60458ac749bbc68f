"""Which classes of values may be changed once they are made."""

import dataclasses
import importlib
import inspect
import pkgutil
from types import ModuleType

import msgspec


def changeable(package: ModuleType) -> set[str]:
    """The data classes and structs of a package that are not frozen, by name; modules of extras may be missing."""
    found = set()
    for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" in name:
            continue  # run by Alembic alone
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        of_module = [one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == name]
        found |= {one.__name__ for one in of_module if _kind(one) and not _frozen(one)}
    return found


def _kind(one: type) -> bool:
    return dataclasses.is_dataclass(one) or issubclass(one, msgspec.Struct)


def _frozen(one: type) -> bool:
    how = one.__struct_config__ if issubclass(one, msgspec.Struct) else one.__dataclass_params__
    return bool(how.frozen)
