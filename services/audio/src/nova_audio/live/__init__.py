"""Live voice: people talk with a speech-to-speech model over a WebSocket."""
