"""The coordinator: questions go in, answers that the tools support come out."""
