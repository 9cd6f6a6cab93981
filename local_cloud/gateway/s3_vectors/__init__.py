"""Amazon S3 Vectors: buckets and indexes of vectors, kept in one SQLite file."""
