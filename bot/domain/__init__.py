"""Pure rules of the network: standard library only, no I/O, the time always an argument."""
