"""The shared database: engine, tables, and one query module per noun that returns frozen dataclasses."""
