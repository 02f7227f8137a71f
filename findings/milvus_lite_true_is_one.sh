#!/bin/sh
# Expected: in a filter on a JSON field `true` is not 1, as in JSON, and as on a Milvus server.
#
# Seen with milvus-lite 3.2.2: it is. `== true` finds 1, `== 1` and `> 0` find true, and json_contains likewise: values
# are compared as Python compares them. (WithThis stores booleans as {"b": "t"}, service/stores/milvus/attributes.py.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "milvus-lite==3.2.2" "pymilvus==3.0.2"
cd "$folder"
venv/bin/python - <<'PYTHON'
from importlib.metadata import version

from pymilvus import DataType, MilvusClient

client = MilvusClient("shop.db")
schema = MilvusClient.create_schema()
schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=20)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
schema.add_field("info", DataType.JSON)
index = MilvusClient.prepare_index_params()
index.add_index("vector", index_type="FLAT", metric_type="COSINE")
client.create_collection("shop", schema=schema, index_params=index)
rows = {"true": True, "one": 1, "list of true": [True], "list of one": [1]}
client.insert("shop", [{"id": id, "vector": [1.0, 0.0], "info": {"x": value}} for id, value in rows.items()])
print("milvus-lite", version("milvus-lite"))
wrong = 0
for filter, right in {
    'info["x"] == true': ["true"],
    'info["x"] == 1': ["one"],
    'info["x"] > 0': ["one"],
    'json_contains(info["x"], true)': ["list of true"],
}.items():
    found = sorted(row["id"] for row in client.query("shop", filter=filter, output_fields=["id"]))
    print(f"{filter:32} finds {found}, and should find {right}")
    wrong += found != right
client.close()
assert wrong == 4, "the finding is gone, at least in part"
PYTHON
