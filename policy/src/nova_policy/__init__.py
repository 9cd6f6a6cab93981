"""Policies for Pulumi programs on AWS: rules over resources and stacks, and ways to run them.

- `values`: plain values, with a mark for what a preview does not know;
  `graph`: resources, and what refers to them.
- `rule`: what a rule is; `rules`: all there are, by family; `registry`: finds them.
- `settings`: options and levels of rules; `exemptions`: the reviewed exceptions.
- `judgement`: runs rules over a graph; `report`: says what came of it; `pack`: the same for Pulumi's engine.
"""
