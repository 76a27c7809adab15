"""What every Tutti service and client shares: contracts, SDK, command line, and the plumbing between processes."""

import os

# gRPC's event engine passes every message on between two more threads than its older poller does: a round trip between
# two asyncio processes takes half as long again, and a third more processor time (measured: docs/performance.md). Read
# when grpc is first imported, so it is said here, before anything of ours imports it; who sets the variable decides.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

# As `music` says, whichever of the two is imported first: a mix must not depend on how many cores its worker has.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
