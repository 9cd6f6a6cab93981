"""What Nova's services share: events, contracts, the HTTP application, the queue worker, identity."""
