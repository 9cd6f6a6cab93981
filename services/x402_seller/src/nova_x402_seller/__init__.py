"""The seller: weather data that whoever pays by x402 is given."""
