"""How Alembic runs the migrations: on the connection that `parking_gateway.store.migrating` hands over."""

from alembic import context

from parking_gateway.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
