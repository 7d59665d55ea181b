"""The way to the homeserver. Nothing outside this package speaks nio.

Stock matrix-nio is a sound HTTP and encryption layer; its `sync_forever`, its callbacks and its stored sync tokens can lose
messages. So the loop, the journal and the sender here are our own, and drive it.
"""
