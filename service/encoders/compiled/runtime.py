"""ONNX Runtime without its telemetry: import it from here.

From 1.29 on its packages send what runs on the machine to Microsoft and keep a number for it in the user's cache folder
by a thread that starts with the import. Who wants that sets `ORT_DISABLE_TELEMETRY` to 0.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime  # reads the variable

__all__ = ["onnxruntime"]
