"""The `docker` kind: sessions are containers of a Docker Engine, checkpoints are images there, and each session has its own network.

Everything is asked of the engine through `engine.py`; nothing else here talks to it.
"""

from services.compute.docker.compute import DockerCompute
from services.compute.docker.recipe_book import RecipeBook

__all__ = ["DockerCompute", "RecipeBook"]
