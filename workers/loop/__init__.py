"""The loop once, without a browser: a file of comparisons in, a new queue out."""
