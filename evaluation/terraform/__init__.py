"""Says what a program registers in Terraform's terms, for tools that read Terraform's plans.

- `naming`: the provider's names of types and properties, from Pulumi's.
- `remote`: the resources that remote components would make.
- `plan`: a deployment as `terraform show -json` would print its plan.
"""
