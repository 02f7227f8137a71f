"""`--seed` of the commands that have no experiment's file with a seed of its own."""

from __future__ import annotations

from typing import Annotated

import typer

Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of what is drawn at random.")]
