"""``nirvis methods``: what can be trained."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter


def methods(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List the methods: what each does, its paper, what it learns from, and which pretrained files its losses want.

    Parameters
    ----------
    as_json
        Print a list for programs instead.
    """
    from nirvis_training.config import shipped_configs
    from nirvis_training.method_settings import every_method

    found = every_method()
    if as_json:
        print(json.dumps([method.described() for method in found], indent=2))
        return
    for method in found:
        print(f"{method.method_name():14}{method.title}")
        print(f"{'':14}{method.paper}")
        print(f"{'':14}learns from {method.learns_from()}; pretrained: {method.backbone or 'nothing'}")
    print(f"\nconfigurations for nirvis train: {', '.join(shipped_configs())}")
