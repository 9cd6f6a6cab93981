"""The parts that the platform is composed of: what it stores, says, stands on and opens."""
