"""The applier: runs the Pulumi program in this process and turns its resources into AWS API calls.

`python -m local_cloud.applier --home HOME --endpoint URL --stack local` evaluates `__main__.py` against
Pulumi's mock monitor. Every registered resource is compared with the checkpoint (`HOME/stack.json`) and
created, updated in place, replaced or kept; what left the program is removed at the end.

- `program`: evaluates the program; `monitor`: receives its registrations.
- `engine`: decides what happens to one resource; `checkpoint`: what is known of earlier runs.
- `model`: how a kind of resource is declared; `kinds/`: the declarations, one module an area.
- `mapper`: Pulumi inputs to AWS request shapes; `images`: images built from Dockerfiles.
"""
