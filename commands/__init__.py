"""Commands: one file each, found by themselves. See `bot.command`."""
