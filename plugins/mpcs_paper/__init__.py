"""The plugins of the paper: its data sets, pair strategies, encoders and loss."""
