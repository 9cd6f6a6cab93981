"""Where data rests: keys, secrets, tables, the content bucket, vectors and the cache."""
