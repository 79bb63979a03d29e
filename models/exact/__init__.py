"""The same networks in integers, which give the same bits everywhere, and what runs them."""

import os

# Before anything here imports onnxruntime, which else leaves an id and events below HOME, and looks up a collector.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
