"""`python -m bot` is `netzwart`."""

from bot.cli import main

if __name__ == "__main__":
    main()
