"""What is left of the forgotten on disk: passages, files, findings, certificates, purges."""
