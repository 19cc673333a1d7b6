"""The trials, one module for each way to run PostgreSQL."""

from importlib import import_module
from pkgutil import iter_modules

from tests.databases.registry import TRIALS

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)

__all__ = ["TRIALS"]
