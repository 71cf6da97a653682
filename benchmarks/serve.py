"""Serve the app as it ships, on a port: `python benchmarks/serve.py PORT`. What a benchmark measures is the product."""

import sys
from pathlib import Path

from streamlit.web.cli import main

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
sys.argv = ["streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", sys.argv[1]]
main()
