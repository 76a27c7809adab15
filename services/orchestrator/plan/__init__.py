"""From a request to a graph of tasks: what is accepted, what it compiles to, how results become inputs. Pure."""

from services.orchestrator.plan.compiler import compile_spec, kinds_of
from services.orchestrator.plan.graph import check_edited
from services.orchestrator.plan.inputs import resolved_input
from services.orchestrator.plan.kinds import Kinds

__all__ = ["Kinds", "check_edited", "compile_spec", "kinds_of", "resolved_input"]
