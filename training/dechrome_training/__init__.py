"""Training, evaluation and comparison for dechrome."""
