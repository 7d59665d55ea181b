"""End-to-end encryption over matrix-nio's Olm machine: what nio leaves out, and what it does in a way that a bot cannot bear.

One module a subject: `identity` (cross-signing), `identity_file` (its seeds at rest), `secret_storage`, `verification` (emoji),
`one_time_keys` (ours, at the homeserver), `device_lists` (whose devices there are), `rooms` (which are encrypted, who reads there),
`received_keys`, `decryption`, `room_keys` (sharing and encrypting), `attachments`; `encryption` is all of it for one device. `signing`,
`guards`, `values`, `store` and `server` are what they stand on.

Nothing here knows commands, configuration or the shared database: a homeserver to call (`server.Server`), nio's machine and its database
are all it needs.
"""
