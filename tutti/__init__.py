"""What every Tutti service and client shares: contracts, SDK, command line, and the plumbing between processes."""
