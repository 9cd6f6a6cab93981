"""Traces: what one request sets off, over services, queues and models, under one id.

`context` reads and writes the header that carries a trace from one process to the next, `spans` are the work
that is done under it, `aws_calls` makes spans of the calls that AWS clients make, `models` says of them what
models were asked, `export` sends all of it to X-Ray. Attributes name routes, resources, counts and durations:
never what people, models or tools say, and nobody by name or id.
"""
