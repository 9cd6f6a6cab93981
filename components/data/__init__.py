"""Where data rests: keys, tables and the content bucket."""
