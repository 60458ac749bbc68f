"""What both services need to speak HTTP: problem documents, impatient connections."""
