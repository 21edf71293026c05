"""The local receiver: keeps what Alertmanager sends, shows it on a page, and stops a run that asks for it."""

from swarmscope.edge.receiver.app import receiver_app
from swarmscope.edge.receiver.stop import RunStopper
from swarmscope.edge.receiver.store import NotificationStore

__all__ = ["NotificationStore", "RunStopper", "receiver_app"]
