"""What Millgate keeps, in PostgreSQL: records, change feed, vault, audit trail, tenants, clients, sessions, idempotency, jobs."""

from __future__ import annotations

from millgate.store.audit import Audit, Entry, Recorded, Verification
from millgate.store.clients import Clients
from millgate.store.cluster import Cluster
from millgate.store.database import Database
from millgate.store.idempotency import Begun, Idempotency
from millgate.store.jobs import Retention, run_once, run_worker
from millgate.store.master_key import MasterKey, master_key
from millgate.store.records import Change, Loaded, Records, SaveResult, Version
from millgate.store.sessions import Sessions
from millgate.store.store import Store
from millgate.store.tenants import Tenants
from millgate.store.vault import Vault

__all__ = [
    "Audit",
    "Begun",
    "Change",
    "Clients",
    "Cluster",
    "Database",
    "Entry",
    "Idempotency",
    "Loaded",
    "MasterKey",
    "Recorded",
    "Records",
    "Retention",
    "SaveResult",
    "Sessions",
    "Store",
    "Tenants",
    "Vault",
    "Verification",
    "Version",
    "master_key",
    "run_once",
    "run_worker",
]
