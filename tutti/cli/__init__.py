"""The command line: everything it does goes through the SDK and the embedded mesh, nothing is possible here alone."""
