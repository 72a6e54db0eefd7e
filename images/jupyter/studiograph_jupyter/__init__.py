"""Runs in JupyterLab's server, in sessions of both compute kinds: what its server-side execution of cells lacks (ADR 24)."""


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from studiograph_jupyter.periodic_saves import PeriodicSaves

    return [{"module": "studiograph_jupyter", "app": PeriodicSaves}]
