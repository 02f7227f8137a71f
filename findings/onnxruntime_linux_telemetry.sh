#!/bin/sh
# Expected: importing ONNX Runtime's wheel on Linux writes nothing outside its folder and starts no thread; telemetry is
# a matter of its Windows builds, as it was up to 1.28.
#
# Seen with onnxruntime 1.28.0 and 1.31.1: from 1.29 on, the import alone keeps an identifier of the machine and a
# database of events under ~/.cache/Microsoft, and starts the uploader's thread; no model is loaded. The package's
# Privacy.md tells it. Calling `disable_telemetry_events()` right after the import is too late for that.
# `ORT_DISABLE_TELEMETRY=1` in the environment before the import prevents all of it, which
# `service/encoders/compiled/runtime.py` sets (docs/models.md says so).
#
# The imports run in a network namespace without a network, so that nothing is sent.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/probe.py" <<'PYTHON'
import os
import sys
import time
from pathlib import Path

import onnxruntime

if "disable" in sys.argv:
    onnxruntime.disable_telemetry_events()
time.sleep(2)
home = Path(os.environ["HOME"])
written = sorted(path.name for path in home.rglob("*") if path.is_file())
kept = [name for name in written if name in ("deviceid", "onnxruntime.db")]  # the database's journal comes and goes
threads = len(os.listdir("/proc/self/task"))
print(onnxruntime.__version__, *sys.argv[1:], "| threads:", threads, "| written:", *kept)
PYTHON
for version in 1.28.0 1.31.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "onnxruntime==$version" numpy==2.3.5
done
probe() { # version, how, a variable for the environment
    mkdir "$folder/home-$1-$2"
    unshare --user --map-root-user --net env -u XDG_CACHE_HOME HOME="$folder/home-$1-$2" OPENBLAS_NUM_THREADS=1 "$3" \
        "$folder/$1/bin/python" "$folder/probe.py" "$2"
}
{
    probe 1.28.0 imported PROBE=1
    probe 1.31.1 imported PROBE=1
    probe 1.31.1 disable PROBE=1
    probe 1.31.1 variable ORT_DISABLE_TELEMETRY=1
} | tee "$folder/seen"
cat >"$folder/known" <<'SEEN'
1.28.0 imported | threads: 1 | written:
1.31.1 imported | threads: 2 | written: deviceid onnxruntime.db
1.31.1 disable | threads: 2 | written: deviceid onnxruntime.db
1.31.1 variable | threads: 1 | written:
SEEN
diff "$folder/known" "$folder/seen"
