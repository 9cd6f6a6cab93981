"""Amazon Bedrock's runtime API with offline models behind it."""
