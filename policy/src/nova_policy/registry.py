"""Finds all rules: whatever rule stands in a module of ``nova_policy.rules``."""

import importlib
import pkgutil
from functools import cache

from nova_policy import rules
from nova_policy.rule import AnyRule, ResourceRule, StackRule


@cache
def all_rules() -> tuple[AnyRule, ...]:
    """Return every rule, by name; raises ``ValueError`` for a name that two rules have."""
    found: dict[str, AnyRule] = {}
    for module_info in sorted(pkgutil.iter_modules(rules.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{rules.__name__}.{module_info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, ResourceRule | StackRule)
                and found.setdefault(value.name, value) is not value
            ):
                raise ValueError(f"two rules are called {value.name}")
    return tuple(found[name] for name in sorted(found))
