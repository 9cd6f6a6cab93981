"""Evaluation of a behaviour: cases, what is checked of their answers, and the task that asks them."""
