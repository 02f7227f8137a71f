"""What tuning leaves of an adapter that is proven: its file, with its figures, and a card for people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from service.lab.files import write_text
from service.lab.lab_errors import LabError
from service.lab.summary import signed
from service.lab.tuning.proof import FOLDS, Part, Tuned
from service.search.query_adapter import write_adapter

ADAPTER, CARD = "query-adapter.safetensors", "query-adapter.md"


def export(tuned: Tuned, folder: Path, *, data: str, seed: int) -> Path:
    """Write the adapter and its card; the adapter's path. Raises LabError where the disk fails."""
    part, adapter = tuned.parts[0], tuned.adapter
    facts = {"encoder_id": tuned.encoder.id, **facts_of(tuned, part, data=data, seed=seed)}
    facts |= {"rank": str(len(adapter.down)), "epochs": str(tuned.epochs)}
    path = folder / ADAPTER
    try:
        write_adapter(path, adapter, tuned.encoder, facts)
    except OSError as error:
        raise LabError(f"{path} cannot be written. Free some space, or choose another folder with --out.") from error
    write_text(folder / CARD, [_card(part, tuned.measure, facts)])
    return path


def facts_of(tuned: Tuned, part: Part, *, data: str, seed: int) -> dict[str, str]:
    """Where a setting comes from, and what it is worth."""
    found = part.comparison
    return {
        "data": data,
        "queries": str(part.tested),
        "measure": tuned.measure,
        "before": f"{found.baseline_mean:.4f}",
        "after": f"{found.run_mean:.4f}",
        "interval": f"{found.low:+.4f} {found.high:+.4f}",
        "p": f"{found.p_corrected:.2g}",
        "seed": str(seed),
        "made": datetime.now(UTC).date().isoformat(),
    }


def _card(part: Part, measure: str, facts: dict[str, str]) -> str:
    found = part.comparison
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return (
        f"# Query adapter for {facts['data']}\n\n"
        f"{measure} of {part.tested} judged queries, each searched with an adapter that has not seen it "
        f"({FOLDS} folds): {found.baseline_mean:.3f} without, {found.run_mean:.3f} with it, a difference of "
        f"{signed(found.difference)} ({signed(found.low)} … {signed(found.high)}), p = {facts['p']} (paired "
        "randomization test). The exported adapter was trained in the same way on all of them.\n\n"
        "It moves the embeddings of queries and leaves those of products alone: set `WITHTHIS_QUERY_ADAPTER` to the "
        "file, and no product is embedded again. It holds for one encoder, whose fingerprint it names.\n\n"
        f"| | |\n|---|---|\n{rows}\n"
    )
