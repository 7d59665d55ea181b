"""The bot's own small web server: whether it lives, whether it is ready, and what it counts."""
