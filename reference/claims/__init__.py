"""The reference Claims API: JWT logins, claims with search and aggregates, drift events, uploads, reports."""
