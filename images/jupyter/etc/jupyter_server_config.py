"""Lets JupyterLab's server run the cells of notebooks and keep the open documents (ADR 24). Both compute kinds read this file."""

import json
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir


def disabled_by_user(extension: str) -> bool:
    """Whether the user has run `jupyter labextension disable --level=user`: their tabs then run the cells."""
    page_config = Path(jupyter_config_dir()) / "labconfig" / "page_config.json"
    return page_config.exists() and bool(json.loads(page_config.read_text()).get("disabledExtensions", {}).get(extension))


c = get_config()  # noqa: F821 - Jupyter's configuration loader defines it
c.YDocExtension.server_side_execution = not disabled_by_user("@datalayer/jupyter-server-nbmodel")
c.YDocExtension.document_cleanup_delay = None  # a cell whose document is dropped after 60 s without a tab prints into nothing
c.AsyncKernelManager.client_class = "studiograph_jupyter.kernel_client.NotebookKernelClient"

# Beside the user's other data, so that checkpoints have them and the workspace does not.
c.YDocExtension.session_store_path = str(Path(jupyter_data_dir()) / "collaboration_sessions.json")
c.SQLiteYStore.db_path = str(Path(jupyter_data_dir()) / "collaboration.db")
c.SQLiteYStore.squash_after_inactivity_of = 3600  # seconds; the history of changes would grow without a limit, in each checkpoint
