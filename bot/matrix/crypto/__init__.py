"""End-to-end encryption over matrix-nio's Olm machine: what nio leaves out, and what it does in a way that a bot cannot bear.

One module a subject: `signing` and `identity` (cross-signing), `identity_file` (the seeds at rest), `secret_storage`, `verification`
(emoji), `device_lists` (whose devices there are), `one_time_keys`, `room_keys` (sharing and encrypting), `decryption`, `attachments`.
Nothing here knows commands, databases or configuration: a homeserver to call and nio's machine are all it needs.
"""
