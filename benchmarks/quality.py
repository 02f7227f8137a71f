"""Quality of the starter models: `make evaluate-starter` (or `python -m benchmarks.quality`).

Retrieval: the share of queries with a best answer first (R@1) or among the first ten (R@10) of 1,870 products with
held-out motifs, by the sides of `benchmarks.heldout_retrieval`; the heads are those that never saw the motifs.
Reranking: the first nine of `titles` before, by the model alone, and fused as by default, as R@1 and nDCG@9
(`benchmarks.measures`). Photographs and the demo shop as it is served: `benchmarks.photo_retrieval`,
`benchmarks.titled_photos` and `benchmarks.shop_retrieval`, with the heads that the encoder uses. Captions:
`benchmarks.captions`.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.heldout import PRODUCTS_PER_MOTIF, HeldOutProduct, HeldOutQuery, gallery, queries
from benchmarks.heldout_retrieval import SIDES, HeldOutShop
from benchmarks.measures import DEPTH, ndcg
from benchmarks.photo_retrieval import Photos
from benchmarks.report import Report, Sheet
from benchmarks.shop_retrieval import shop_rows
from benchmarks.terminal import err
from benchmarks.titled_photos import titled_rows
from rerank.candidates import Candidate
from rerank.fusion import fuse
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.strategies.listwise import ListwiseStrategy
from starter.embedder import StarterEmbedder, weight_file
from starter.engine_adapter import StarterEngine
from starter.fused import FusedEmbedder
from starter.heads import HELD_OUT_FILE
from starter.vlm import StarterVLM

WORDS_ALONE = "text alone"
"""The one task that the bundled reranker leaves to retrieval, since it reads no titles."""
Orders = dict[str, list[list[int]]]
Row = dict[str, float | str | None]


def _retrieval(task: str, asked: list[HeldOutQuery], orders: Orders, products: list[HeldOutProduct]) -> Row:
    row: Row = {"task": task, "queries": len(asked)}
    for measure, depth in (("R@1", 1), ("R@10", 10)):
        for side in SIDES:
            hits = [
                any(query.grade(products[found]) == 3 for found in order[:depth])
                for query, order in zip(asked, orders[side], strict=True)
            ]
            row[f"{measure} {side}"] = sum(hits) / len(hits)
    return row


def _reranking(task: str, strategy: ListwiseStrategy, asked: list[HeldOutQuery], shop: HeldOutShop) -> Row:
    """Before, by the model alone, and by its order and the scores of retrieval as they are fused by default."""
    info, products, found = strategy.engine.info, shop.products, []
    for query in track(asked, f"reranking: {task}", console=err):
        head = shop.scored(query)[:DEPTH]
        shown = [
            Candidate(str(row), "", products[row].image, score, image_hash=f"product {row}") for row, score in head
        ]
        ranking = strategy.rerank(Query(query.text, query.image), shown).ranking
        scores = [score for _, score in head]
        fused, _ = fuse(ranking, scores, info.fusion_weight, method=info.fusion_method)
        ideal = [query.grade(product) for row, product in enumerate(products) if row != query.source]
        grades = [query.grade(products[row]) for row, _ in head]
        orders = (range(len(head)), ranking.order, fused)
        lists = [[grades[place] for place in order] for order in orders]
        found.append([(float(one[0] == 3), ndcg(one, ideal)) for one in lists])
    row: Row = {"task": task, "queries": len(asked)}
    for column, mean in zip(("before", "model", "fused"), np.mean(found, axis=0), strict=True):
        row |= {f"R@1 {column}": float(mean[0]), f"nDCG@9 {column}": float(mean[1])}
    return row


def _strategy(embedder: StarterEmbedder, products: int) -> ListwiseStrategy:
    """The listwise strategy, which looks at each product once."""
    engine = StarterEngine(StarterVLM.load(embedder=embedder), cache_size=products)
    return ListwiseStrategy(engine, PromptLibrary.load())


def evaluate(*, reranked: int, motifs: int) -> dict[str, list[Row]]:
    """The tables of so many held-out motifs as rows, by table name."""
    products = gallery()[: motifs * PRODUCTS_PER_MOTIF]
    asked = list(queries(products))
    embedder = FusedEmbedder.load(heads=weight_file(HELD_OUT_FILE, None))
    shop = HeldOutShop(embedder, products)
    tables: dict[str, list[Row]] = {"retrieval": [], "reranking": []}
    strategy = _strategy(embedder.trained, len(products)) if reranked else None
    for task in dict.fromkeys(query.task for query in asked):
        members = [query for query in asked if query.task == task]
        orders = shop.orders(members)
        tables["retrieval"].append(_retrieval(task, members, orders, products))
        if strategy is not None and task != WORDS_ALONE:
            reordered = _reranking(task, strategy, members[:reranked], shop)
            tables["reranking"].append(reordered)
    return {name: rows for name, rows in tables.items() if rows}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Quality of the starter models.")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--reranked", type=int, default=340, help="queries of each task to rerank; 0: retrieval only")
    parser.add_argument("--motifs", type=int, default=170, help="held-out motifs; fewer for a quick look")
    parser.add_argument("--photos", type=Path, help="photographs with labels.csv: their tables, too")
    parser.add_argument("--shop", type=int, default=100, help="queries of each kind to the demo shop; 0: none")
    options = parser.parse_args()
    tables = evaluate(reranked=options.reranked, motifs=options.motifs)
    if options.photos:
        tables["photographs"] = Photos(FusedEmbedder.load(), options.photos).rows()
        tables["photographs with titles, as served"] = titled_rows(options.photos, 60)
    if options.shop:
        tables["demo shop, as served"] = shop_rows(options.shop)
    sheets = []
    for name, rows in tables.items():
        shares = [column for column in rows[0] if column not in {"task", "queries"}]
        sheets.append(Sheet(name.capitalize(), rows, dict.fromkeys(shares, ".3f")))
    Report(sheets).show(as_json=options.json)


if __name__ == "__main__":
    main()
