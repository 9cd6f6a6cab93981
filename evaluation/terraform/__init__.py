"""Says what a program registers in Terraform's terms, for tools that read Terraform's plans.

- `naming`: the provider's names of types and properties, from Pulumi's.
- `values`: a resource's inputs by these names.
- `plan`: a deployment as `terraform show -json` would print its plan.
"""
