"""The schema's history. A package, so that an installed gateway carries it; Alembic reads the files beside this one."""
