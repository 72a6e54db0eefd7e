"""The tables, one noun a file. Importing this package registers all of them in `metadata`."""

from sqlmodel import SQLModel

from services.store.tables.access import Login, Membership, Token, User
from services.store.tables.builds import Build
from services.store.tables.cleanup_tasks import CheckpointCleanup, SessionCleanup
from services.store.tables.commands import IdempotencyKey, Operation
from services.store.tables.compute import ComputeEnvironment, Template
from services.store.tables.connections import ConnectCode, Connection, ProxyInstance
from services.store.tables.events import Event, Stream
from services.store.tables.migrations import MigrationAttempt
from services.store.tables.organizations import Installation, Organization, Workspace
from services.store.tables.outputs import Output, OutputPiece
from services.store.tables.stats import SessionStats
from services.store.tables.studios import Checkpoint, InheritedCheckpoint, Session, Star, Studio, StudioLabel

metadata = SQLModel.metadata

__all__ = [
    "Build",
    "Checkpoint",
    "CheckpointCleanup",
    "ComputeEnvironment",
    "ConnectCode",
    "Connection",
    "Event",
    "IdempotencyKey",
    "InheritedCheckpoint",
    "Installation",
    "Login",
    "Membership",
    "MigrationAttempt",
    "Operation",
    "Organization",
    "Output",
    "OutputPiece",
    "ProxyInstance",
    "Session",
    "SessionCleanup",
    "SessionStats",
    "Star",
    "Stream",
    "Studio",
    "StudioLabel",
    "Template",
    "Token",
    "User",
    "Workspace",
    "metadata",
]
