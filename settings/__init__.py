"""What a stack may decide, read in one place.

``settings.load`` turns the engine's configuration into frozen dataclasses, ``settings.project`` applies the
schema of ``Pulumi.yaml`` to a stack file for runs without the engine. Every problem is reported before a
resource is registered, by the key's path, the value and what is allowed.
"""
