"""What `charter` and `python -m charter` run."""

import sys


def main() -> None:
    try:
        from charter import cli
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        print(
            "charter: Only the runtime is installed here, for a service to run on. The command line"
            " comes with the extra `tool`: pip install 'charter[tool]'.",
            file=sys.stderr,
        )
        sys.exit(2)
    cli.main()


if __name__ == "__main__":
    main()
