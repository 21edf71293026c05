"""The reference Access Management API: a Lambda authorizer, permissions, teams, invitations and their audit."""
