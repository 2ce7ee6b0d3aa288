"""``python -m dechrome``."""

from dechrome.cli import main

if __name__ == "__main__":
    main(prog_name="dechrome")
