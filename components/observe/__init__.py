"""What is kept to understand the platform: log groups, alarms."""
