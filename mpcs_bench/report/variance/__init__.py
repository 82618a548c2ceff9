"""Where the spread of a protocol's numbers comes from, and what choosing on the test part gains."""
