"""Channels and who listens to them: publications fan out to bounded queues, one per connection. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from reference.faults import Fault

MOST_WAITING = 1000
MOST_WAITING_CHARACTERS = 1 << 20
"""Of messages that wait for a connection to take them; a connection that lags further behind is closed."""
MOST_CHANNELS = 100
"""That one connection listens to, and that it publishes to."""

Item = tuple[str, float, Fault | None]
"""A message that waits, the time before which it is held back (0: none), and the hang that holds it back."""


class Outbox:
    """What waits to be sent over one connection, in order."""

    def __init__(self, overflow: Callable[[], None]) -> None:
        """`overflow` is called once, when the connection lags too far behind; from then on all is discarded."""
        self._overflow = overflow
        self._items: deque[Item] = deque()
        self._characters = 0
        self._last_due = 0.0
        self.is_closed = False
        self.wake: Callable[[], None] | None = None
        """Set by a writer that has nothing to do; called once there is something."""

    def put(self, text: str, due: float = 0.0, hang: Fault | None = None) -> None:
        """Queue a message; one that is held back holds those behind it back too, so that order is kept."""
        if self.is_closed:
            return
        if self._items:
            due = max(due, self._last_due)
            if len(self._items) >= MOST_WAITING or self._characters + len(text) > MOST_WAITING_CHARACTERS:
                self.close()
                self._overflow()
                return
        self._last_due = due
        self._items.append((text, due, hang))
        self._characters += len(text)
        if self.wake is not None:
            wake, self.wake = self.wake, None
            wake()

    def take(self) -> Item | None:
        """The oldest message, None when none waits."""
        if not self._items:
            return None
        item = self._items.popleft()
        self._characters -= len(item[0])
        return item

    def close(self) -> None:
        """Discard everything, now and later."""
        self.is_closed = True
        self._items.clear()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._items)


class Subscription:
    """One connection's place in a channel."""

    __slots__ = ("delivered", "outbox")

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.delivered = 0


class Channels:
    """The channels of every tenant; one exists while somebody listens."""

    def __init__(self) -> None:
        self._channels: dict[tuple[str, str], dict[Outbox, Subscription]] = {}

    def __len__(self) -> int:
        return len(self._channels)

    @property
    def subscriptions(self) -> int:
        """Of all connections together."""
        return sum(map(len, self._channels.values()))

    def subscribe(self, tenant: str, channel: str, outbox: Outbox) -> int:
        """Let a connection listen, if it does not yet; returns how many now do."""
        members = self._channels.setdefault((tenant, channel), {})
        if outbox not in members:
            members[outbox] = Subscription(outbox)
        return len(members)

    def unsubscribe(self, tenant: str, channel: str, outbox: Outbox) -> int:
        """Let it listen no longer; returns how many messages were put into its outbox since it began."""
        members = self._channels.get((tenant, channel), {})
        subscription = members.pop(outbox, None)
        if not members:
            self._channels.pop((tenant, channel), None)
        return subscription.delivered if subscription else 0

    def strangers(self, tenant: str, channel: str) -> list[Subscription]:
        """Everyone in the other tenants' channels of this name: what a service that leaks would deliver to."""
        return [
            subscription
            for (owner, name), members in self._channels.items()
            if name == channel and owner != tenant
            for subscription in members.values()
        ]

    def listeners(self, tenant: str, channel: str, sender: Outbox) -> list[Subscription]:
        """Everyone in a channel but the sender, who has the acknowledgement."""
        members = self._channels.get((tenant, channel), {})
        return [subscription for outbox, subscription in members.items() if outbox is not sender]
