"""The engine of Netzwart: knows Matrix, SQL and templates, and no particular command."""
