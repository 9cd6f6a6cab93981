"""AWS X-Ray: takes spans, keeps the newest of them, and shows traces."""
