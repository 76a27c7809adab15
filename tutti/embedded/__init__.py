"""A whole mesh on one machine, of real parts: what to launch, and the supervisor that launches it and watches over it.

    async with Mesh(MeshOptions(data_dir=Path(".tutti"))) as mesh:
        print(mesh.endpoints.gateway.url)

`tutti up` is this and a terminal. Nothing here is imported by a service.
"""

from tutti.embedded.mesh import Mesh
from tutti.embedded.options import MeshOptions

__all__ = ["Mesh", "MeshOptions"]
