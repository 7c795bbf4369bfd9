"""What the Helm chart's hooks run: they make the resource that the values describe, and look after an install."""
