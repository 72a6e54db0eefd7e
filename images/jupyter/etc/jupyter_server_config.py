"""Lets JupyterLab's server run the cells of notebooks and keep the open documents (ADR 24). Both compute kinds read this file."""

from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

c = get_config()  # noqa: F821 - Jupyter's configuration loader defines it
c.YDocExtension.server_side_execution = True
c.YDocExtension.document_cleanup_delay = None  # a cell whose document is dropped after 60 s without a tab prints into nothing
c.AsyncKernelManager.client_class = "studiograph_jupyter.kernel_client.RestartAwareClient"

# Beside the user's other data, so that checkpoints have them and the workspace does not.
c.YDocExtension.session_store_path = str(Path(jupyter_data_dir()) / "collaboration_sessions.json")
c.SQLiteYStore.db_path = str(Path(jupyter_data_dir()) / "collaboration.db")
c.SQLiteYStore.squash_after_inactivity_of = 3600  # seconds; the history of changes would grow without a limit, in each checkpoint
