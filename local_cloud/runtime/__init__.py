"""What AWS would run, run for real: ECS tasks, load balancer listeners, REST APIs, pipes, private names."""
