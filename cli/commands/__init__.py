"""The commands of `nova`, a module for each subject; what they do is in the modules of `cli`.

- `machine`: the platform on this machine. `health`: how a platform is, here or in AWS.
- `agent`: content and questions. `data`: what is stored, made or sent again, or erased. `wallet`: what pays.
- `stack`: stacks in AWS and their account. `program`: what the program declares, without a cloud.
- `options`: those that several commands have.
"""
