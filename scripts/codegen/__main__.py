import sys

from scripts.codegen.command import run

sys.exit(run(check="--check" in sys.argv, force="--force" in sys.argv))
