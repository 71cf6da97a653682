"""Serve the app with the painting network in place of the models: `serve.py PORT [slow|deadly] [--OPTION VALUE]`.

Only tests use it. The product has no switch for this.
"""

import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mtunet.detection import models  # noqa: E402
from tests import painting  # noqa: E402

models.MODELS = painting.painting_models()
PAINTERS = {"slow": painting.slow_model, "deadly": painting.deadly_model}
models.load_model = next((PAINTERS[word] for word in sys.argv if word in PAINTERS), painting.painting_model)

_connect = socket.socket.connect


def _recorded(self: socket.socket, address: Any) -> None:
    """Nothing that is sent to the server may have it ask another machine: `serving` fails where this file is there."""
    sends = self.type & socket.SOCK_STREAM and self.family in (socket.AF_INET, socket.AF_INET6)
    if sends and not str(address[0]).startswith(("127.", "::1")):
        with (Path(os.environ["MTUNET_DATA"]).parent / "outside.txt").open("a") as file:
            file.write("".join(traceback.format_stack()))
    _connect(self, address)


socket.socket.connect = _recorded  # type: ignore[method-assign]

from streamlit.web.cli import main  # noqa: E402

more = [argument for argument in sys.argv[2:] if argument not in PAINTERS]
sys.argv = ["streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", sys.argv[1], *more]
main()
