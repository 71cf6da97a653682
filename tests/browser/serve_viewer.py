"""Serve the page with nothing but the viewer: `python tests/browser/serve_viewer.py PORT`, its case in MTUNET_DATA."""

import sys
from pathlib import Path

from streamlit.web.cli import main

sys.argv = ["streamlit", "run", str(Path(__file__).with_name("viewer_app.py")), "--server.port", sys.argv[1]]
main()
