"""ragkeeper: answers from your own documents, with citations that can be checked."""

import os

__version__ = "0.1.0"

# onnxruntime 1.31 reports its use to its maker and leaves files in /tmp and ~/.cache, unless this is set before its
# library is loaded. Nothing leaves this machine that nobody asked for.
os.putenv("ORT_DISABLE_TELEMETRY", "1")
