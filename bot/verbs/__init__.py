"""What `netzwart` does for whoever operates it: one file per verb, each a function that returns the exit status."""
