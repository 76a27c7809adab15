"""Placement: which task runs where, and when. Soft state, rebuilt from orchestrators and workers by each new leader."""
