"""`python -m tests.chaos`: the demo under sixteen clients while everything around it breaks, and what came of it.

Clients search in all ways, rerank, embed, read, give feedback, and write products of their own, keeping a ledger of
what was acknowledged. Meanwhile the disk fills and empties, the model server drips, hangs and returns, the service is
stopped, is killed and started again; with `--server` a Milvus server stands still, is killed and started again.

Ends with 1 where a write was lost, a product torn or doubled, a status not declared, `/healthz` late, or the speed of
before not there again in time. Filling a disk needs the right to mount one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tests.chaos.run import chaos


def main(
    seconds: Annotated[float, typer.Option(min=60, help="How long clients and faults go on.")] = 300,
    products: Annotated[int, typer.Option(min=9, help="Products of the demo shop.")] = 900,
    server: Annotated[bool, typer.Option("--server", help="A Milvus server in place of Milvus Lite.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Run, print the figures, and keep the logs where something was found."""
    folder = Path(tempfile.mkdtemp(prefix="withthis-chaos-"))
    run = chaos(folder, seconds, products, on_server=server)
    run.report().show(as_json=as_json)
    if run.faults_found():
        typer.echo(f"The logs are in {folder}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
