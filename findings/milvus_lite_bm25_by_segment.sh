#!/bin/sh
# Expected: BM25 weighs a word by how many documents of the collection have it, so a document's score does not depend on
# when it was written.
#
# Seen with milvus-lite 3.2.2: each segment (what one flush has written) counts only its own documents. A word that
# is common in the collection and rare in one segment is weighted too high there: "blue mug", written with posters, comes
# before sixty titles "red mug" for "red mug". Written in one run, it does not. Found by hybrid search over a catalog that
# was indexed twice (WithThis holds an index of words of its own since then, service/search/lexical).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "milvus-lite==3.2.2" "pymilvus==3.0.2"
cd "$folder"
venv/bin/python - <<'PYTHON'
from importlib.metadata import version

from pymilvus import DataType, Function, FunctionType, MilvusClient

posters = [f"blue poster {n}" for n in range(600)] + ["blue mug with posters"]
mugs = [f"red mug {n}" for n in range(60)] + [f"blue mug {n}" for n in range(540)]


def first(runs, file):
    """The first titles for "red mug", when the titles are written in these runs."""
    client = MilvusClient(file)
    schema = MilvusClient.create_schema()
    schema.add_field("title", DataType.VARCHAR, is_primary=True, max_length=100, enable_analyzer=True)
    schema.add_field("terms", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25", FunctionType.BM25, ["title"], ["terms"]))
    index = MilvusClient.prepare_index_params()
    index.add_index("terms", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    client.create_collection("shop", schema=schema, index_params=index)
    for titles in runs:
        client.insert("shop", [{"title": title} for title in titles])
        client.flush("shop")
    [found] = client.search("shop", data=["red mug"], anns_field="terms", limit=3, output_fields=["title"])
    client.close()
    return [hit["entity"]["title"] for hit in found]


one, two = first([posters + mugs], "one.db"), first([posters, mugs], "two.db")
print("milvus-lite", version("milvus-lite"))
print('"red mug", written in one run: ', one)
print('"red mug", written in two runs:', two)
assert all(title.startswith("red mug") for title in one), "one run no longer puts red mugs first"
assert two[0] == "blue mug with posters", "the finding is gone: two runs are as good as one"
PYTHON
