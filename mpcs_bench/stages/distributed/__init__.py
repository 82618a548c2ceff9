"""One pre-training on several processes: the batch is cut, the loss is not."""
