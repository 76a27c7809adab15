"""The four services. They meet only over gRPC and never import one another."""

import tutti  # noqa: F401  says how gRPC shall run, before any module here imports it
