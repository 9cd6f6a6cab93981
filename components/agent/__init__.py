"""What agents think with: models."""
