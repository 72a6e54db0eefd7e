"""The script in every page of ours that loads it again if another script of it could not be loaded."""

import base64
import hashlib
from pathlib import Path

SCRIPT = (Path(__file__).parent / "assets" / "reload.js").read_text("utf-8")
"""Stands in the page itself, so that it is there whatever else could not be loaded."""
SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
"""The source by which a Content-Security-Policy allows it."""
