"""The four services. They meet only over gRPC and never import one another."""
