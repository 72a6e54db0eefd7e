"""Creates the `Compute` client of a compute environment: one factory for each kind, from the settings."""

from services.compute.docker import DockerCompute, RecipeBook
from services.compute.docker.recipes import conda_installer
from services.compute.process import ProcessCompute
from services.compute.protocol import Compute
from services.compute.registry import Factory
from services.conda.channels import ChannelPolicy
from services.domain.compute_kinds import KINDS
from services.domain.statuses import ComputeKind
from services.store.compute_environments import EnvironmentState
from services.studios.conda_images import CondaImages
from studiograph.settings import Settings

STAGING_DIRECTORY = "staging"
"""The directory in the data directory in which the files of running containers are copied for their saves."""


def compute_factories(settings: Settings, installation: str) -> dict[ComputeKind, Factory]:
    """Returns a factory for every kind, including disabled ones: `doctor` checks the sessions of all kinds."""
    recipes = recipe_book(settings)

    def process(_environment: EnvironmentState) -> Compute:
        return ProcessCompute(settings.data_dir, installation)

    def docker(environment: EnvironmentState) -> Compute:
        url = environment.settings.get("url") or settings.docker_url
        staging_root = settings.data_dir / STAGING_DIRECTORY / environment.id
        return DockerCompute(url, installation, environment.id, pool=settings.docker_subnets, recipes=recipes, staging_root=staging_root)

    return {ComputeKind.PROCESS: process, ComputeKind.DOCKER: docker}


def is_allowed(settings: Settings, kind: ComputeKind) -> bool:
    """Returns whether the settings let sessions run on compute environments of this kind."""
    return settings.process_compute or not KINDS[kind].runs_as_server_user


def engine_probe(settings: Settings) -> DockerCompute:
    """Returns a client of the settings' Docker Engine, only for `inspect`: without an installation it cannot create sessions."""
    return DockerCompute(settings.docker_url, "none", "none", pool=settings.docker_subnets)


def conda_images(settings: Settings) -> CondaImages:
    """Returns the images with Conda packages that this server can build."""
    channels = ChannelPolicy(settings.conda_base_url, _words(settings.conda_channels), _words(settings.conda_allowed_channels))
    return CondaImages(channels, conda_installer(), enabled=settings.conda)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip().rstrip("/") for word in text.split(",") if word.strip())


def recipe_book(settings: Settings) -> RecipeBook:
    """Returns the recipes of the images that this server can build."""
    return RecipeBook(settings.image_base, settings.image_certificates, settings.images_dir)
