"""Execution: handlers, models, artifacts. Holds only the attempts in hand."""
