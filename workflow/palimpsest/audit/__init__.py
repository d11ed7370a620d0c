"""Audits of what disk still holds of the forgotten: fingerprints, findings, certificates,
purges."""
