"""The service with one thing broken: what the gate must notice.

`uvicorn --factory tests.contract.defects:create_app` with DEFECT naming one of `DEFECTS`. Defects
replace services, which keep the document's names whatever is below them, where they can.
"""

import os

from fastapi import FastAPI

from impl import app as application
from tests.contract.defects import admitting, calling, ending, failing, listing, writing
from tests.contract.defects.planting import DEFECTS

__all__ = ["admitting", "calling", "create_app", "ending", "failing", "listing", "writing"]


def create_app() -> FastAPI:
    DEFECTS[os.environ["DEFECT"]]()
    return application.create_app()
