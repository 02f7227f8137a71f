#!/bin/sh
# Expected: `bm25_k1` and `bm25_b`, which a BM25 index of Milvus Lite accepts silently, are used, as on a server.
#
# Seen with milvus-lite 3.2.2: they are not. A document that repeats a word gets the same score with k1 0.01, where
# repetition counts for next to nothing, and with k1 10.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "milvus-lite==3.2.2" "pymilvus==3.0.2"
cd "$folder"
venv/bin/python - <<'PYTHON'
from importlib.metadata import version

from pymilvus import DataType, Function, FunctionType, MilvusClient


def scores(k1):
    """The scores of both documents for "mug"."""
    client = MilvusClient(f"k{k1}.db")
    schema = MilvusClient.create_schema()
    schema.add_field("title", DataType.VARCHAR, is_primary=True, max_length=100, enable_analyzer=True)
    schema.add_field("terms", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25", FunctionType.BM25, ["title"], ["terms"]))
    index = MilvusClient.prepare_index_params()
    params = {"bm25_k1": k1, "bm25_b": 0.75}
    index.add_index("terms", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=params)
    client.create_collection("shop", schema=schema, index_params=index)
    client.insert("shop", [{"title": "mug mug mug mug"}, {"title": "mug"}, {"title": "red cap"}])
    client.flush("shop")
    [found] = client.search("shop", data=["mug"], anns_field="terms", limit=2, output_fields=["title"])
    client.close()
    return {hit["entity"]["title"]: round(abs(hit["distance"]), 4) for hit in found}


low = scores(0.01)
high = scores(10.0)
print(f"milvus-lite {version('milvus-lite')}: scores with k1 0.01: {low}, with k1 10: {high}")
assert low == high, "the finding is gone: k1 counts"
PYTHON
