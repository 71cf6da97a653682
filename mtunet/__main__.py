"""`python -m mtunet`, and the console command `mtunet`."""

import sys
from collections.abc import Sequence

import click

import mtunet


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage raises SystemExit(2)."""
    from mtunet.cli.commands import cli

    mtunet.speak_utf8()

    try:
        return int(cli.main(list(sys.argv[1:] if argv is None else argv), "mtunet", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as problem:
        print(problem.format_message(), file=sys.stderr)
        raise SystemExit(2) from None
    except click.ClickException as problem:
        problem.show()
        raise SystemExit(problem.exit_code) from None
    except click.Abort:
        return 130


if __name__ == "__main__":
    sys.exit(main())
