"""Checkpoints, timestamps, witnesses, proofs and the verification of the log."""
