"""The `docker` kind: sessions are containers of a Docker Engine, checkpoints are images there, and each session has its own network.

All calls to the engine go through `engine.py`.
"""

from services.compute.docker.compute import DockerCompute
from services.compute.docker.recipe_book import RecipeBook

__all__ = ["DockerCompute", "RecipeBook"]
