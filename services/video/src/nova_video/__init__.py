"""The video service: videos go in, analyses come out."""
