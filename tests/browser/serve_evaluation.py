"""Serve the app with the painting network and a drawn training run: `python tests/browser/serve_evaluation.py PORT`.

The run is written under MTUNET_DATA/../runs. Only tests use it.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mtunet import phantom  # noqa: E402
from mtunet.detection import models  # noqa: E402
from mtunet.evaluation import runs  # noqa: E402
from tests import drawn_run, painting  # noqa: E402

runs.RUNS = Path(os.environ["MTUNET_DATA"]).parent / "runs"
drawn_run.write_run(runs.RUNS / "drawn")
phantom.make_phantom = drawn_run.quick_phantom
models.MODELS = painting.painting_models()
models.load_model = painting.painting_model

from streamlit.web.cli import main  # noqa: E402

sys.argv = ["streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", sys.argv[1]]
main()
