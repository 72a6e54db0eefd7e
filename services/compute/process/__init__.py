"""The `process` kind: sessions are directories and child processes of this machine, for one person, without isolation.

Linux only. `keeper.py`, `pack.py` and `extract.py` are programs of their own: they run as separate processes and import nothing of ours.
"""

from services.compute.process.compute import ProcessCompute

__all__ = ["ProcessCompute"]
