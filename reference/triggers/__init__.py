"""The reference Triggers API: events in, an inbox of what is not delivered yet, acknowledgements, API keys."""
