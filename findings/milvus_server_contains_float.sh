#!/bin/sh
# Expected: json_contains(…, 36) finds 36.0 in a list, as `==` does outside of one.
#
# Seen with a Milvus server 2.3.5: it does not, while json_contains(…, 36.0) finds both 36.0 and 36. Milvus Lite 3.2.2
# finds both either way. (WithThis queries numbers in lists as floats, service/stores/milvus/filter_compiler.py.)
# The server comes from PyPI. It needs Linux on x86-64, a minute or two, and no other Milvus on the machine.
set -eu
folder=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill -9 "-$server" 2>/dev/null || true; fi
    rm -rf "$folder"
}
trap finish EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "milvus==2.3.5" "pymilvus==3.0.2"
cd "$folder"
setsid venv/bin/python -c "import milvus; milvus.main()" --data data --proxy-port 29530 --proxy-internal-port 29529 \
    --etcd-port 22379 --root-coord-port 23100 --query-coord-port 29531 --query-node-port 22123 --index-coord-port 31000 \
    --index-node-port 32121 --data-coord-port 23333 --data-node-port 32124 >server.log 2>&1 &
server=$!
venv/bin/python - <<'PYTHON'
import time
from importlib.metadata import version

from pymilvus import DataType, MilvusClient, MilvusException

for _ in range(180):
    try:
        client = MilvusClient("http://127.0.0.1:29530", timeout=2)
        client.list_collections(timeout=2)
        break
    except MilvusException:
        time.sleep(1)
else:
    raise SystemExit("the server did not start")
schema = MilvusClient.create_schema()
schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=20)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
schema.add_field("info", DataType.JSON)
index = MilvusClient.prepare_index_params()
index.add_index("vector", index_type="FLAT", metric_type="COSINE")
client.create_collection("shop", schema=schema, index_params=index)
rows = {"list of integers": [36], "list of floats": [36.0], "float": 36.0}
client.insert("shop", [{"id": id, "vector": [1.0, 0.0], "info": {"x": value}} for id, value in rows.items()])
print("Milvus server of the package milvus", version("milvus"))


def found(filter):
    rows = client.query("shop", filter=filter, output_fields=["id"], consistency_level="Strong")
    ids = sorted(row["id"] for row in rows)
    print(f"{filter:32} finds {ids}")
    return ids


assert found('info["x"] == 36') == ["float"]
assert found('json_contains(info["x"], 36.0)') == ["list of floats", "list of integers"]
if found('json_contains(info["x"], 36)') != ["list of integers"]:
    raise SystemExit("the finding is gone: json_contains finds 36.0 by 36")
PYTHON
