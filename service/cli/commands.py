"""The commands: where each is, and what the list of commands says of it."""

from __future__ import annotations

from typing import NamedTuple


class CommandPlace(NamedTuple):
    """A module of `service.cli` that has a function or an application named as the command (or as `function`), and the
    first paragraph of the command's help, so that a list needs no import of it.
    """

    module: str
    help: str
    function: str | None = None


COMMANDS = {
    "index": CommandPlace(
        "index",
        "Bring a product feed into the catalog. Run it again to resume or to update: existing rows are kept.",
    ),
    "delete": CommandPlace(
        "delete",
        "Delete the products that match a filter. Their images stay until `withthis gc`. Run it again to resume.",
    ),
    "export": CommandPlace(
        "export",
        "Write the catalog as JSON lines, which `withthis import` brings back. An interrupted export leaves no file.",
    ),
    "import": CommandPlace(
        "import_export",
        "Bring an export of a catalog back, with its images and vectors. Run it again to resume.",
        "import_export",
    ),
    "reindex": CommandPlace(
        "upkeep",
        "Recompute all embeddings with the configured encoder and index, and switch to them without downtime.",
    ),
    "gc": CommandPlace(
        "upkeep", "Delete rows left over by a crash, and images that no product uses any more, with their thumbnails."
    ),
    "serve": CommandPlace("serve", "Serve the search API and the search page."),
    "mcp": CommandPlace(
        "mcp",
        "Serve tools for agents (MCP) on standard input and output, for programs that start their servers themselves.",
    ),
    "search": CommandPlace("search", "Search with a sentence, an image, or both."),
    "plan": CommandPlace(
        "plan", "Memory, machines, GPUs, network and cost for a catalog and a load, and the basis of each number."
    ),
    "doctor": CommandPlace(
        "doctor", "Check models, store, device, folder, files and port. Exit status 1 if something needs attention."
    ),
    "demo": CommandPlace(
        "demo", "Build the demo shop, index it, serve it, and run a first composed query through the live service."
    ),
    "evaluate": CommandPlace(
        "evaluate",
        "Compare configurations on judged queries: quality, time and cost, with confidence intervals and tests.",
    ),
    "sweep": CommandPlace(
        "sweep",
        "Try every combination of settings on one half of the queries, and test the winner once on the other half.",
    ),
    "tune": CommandPlace(
        "tune",
        "Learn from judged queries an adapter of query embeddings, and weights, for the first configuration.",
    ),
    "judge": CommandPlace(
        "judge",
        "Grade pairs of query and product that the runs of an experiment found, on a page driven by the keyboard.",
    ),
    "agreement": CommandPlace(
        "agreement",
        "How far the judges of an experiment agree, with intervals, and their grades merged into one file.",
    ),
    "measure": CommandPlace(
        "measure", "Measure runs from other systems, with confidence intervals and tests against the first one."
    ),
    "models": CommandPlace("models", "The available encoders, and their weights."),
    "keys": CommandPlace("keys", "API keys of the service."),
    "clicks": CommandPlace("clicks", "Judgments and estimates out of what users clicked on."),
    "interleave": CommandPlace("interleave", "Two configurations compared by interleaving."),
}
"""In the order of the list."""
