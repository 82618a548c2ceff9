"""The steps that make numbers: each takes a job and leaves result files."""
