"""HTTP for browsers: REST and server-sent events over the orchestrator's gRPC. Holds no state."""
