"""The audio service: recordings go in, transcripts come out."""
