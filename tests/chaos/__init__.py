"""`make chaos`: a mesh of real processes under load, while its parts are killed, paused and restarted at random; and
the judgement of what it left behind. docs/chaos.md says what it holds the mesh to.
"""
