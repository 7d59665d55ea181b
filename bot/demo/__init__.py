"""`netzwart demo`: a real homeserver, the bot, and a day of the network, played in the terminal.

The homeserver and the people's clients are used by the test-suite as well.
"""
