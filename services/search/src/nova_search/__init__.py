"""Search: transcripts go in as vectors, passages come out by meaning."""
