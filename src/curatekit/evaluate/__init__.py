"""What a model achieves, with intervals: failure rates on specifications, accuracy, macro-F1, MCC."""
