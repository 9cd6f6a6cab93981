"""What runs: cluster, images and Fargate services."""
