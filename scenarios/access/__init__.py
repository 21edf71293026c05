"""Load on an Access Management API: a Lambda authorizer, permissions, teams, invitations, audit."""
