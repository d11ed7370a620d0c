"""From sources to records: where data comes from, how it is read, checked, grouped, and cut into
shards."""
