"""One file a noun of the command line. Heavy imports stay inside the functions, so that `--help` is quick."""
