"""Protocol files: YAML with places, the schema, overlays, expansion into cells."""
