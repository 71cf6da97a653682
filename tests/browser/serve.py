"""Serve the app with the painting network in place of the models: `python tests/browser/serve.py PORT [slow]`.

Only tests use it. The product has no switch for this.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mtunet.detection import models  # noqa: E402
from tests import painting  # noqa: E402

models.MODELS = painting.painting_models()
models.load_model = painting.slow_model if "slow" in sys.argv else painting.painting_model

from streamlit.web.cli import main  # noqa: E402

sys.argv = ["streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", sys.argv[1]]
main()
