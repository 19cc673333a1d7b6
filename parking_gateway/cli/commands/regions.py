"""Commands about regions: gateways beside one another on the same broker and the same PostgreSQL."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.configuration import AsJson
from parking_gateway.cli.opened import fail, with_database
from parking_gateway.cli.shown import show_json, show_line, show_remark, show_table

if TYPE_CHECKING:
    from parking_gateway.cli.regions.preparing import Plan
    from parking_gateway.store.pool import Pool

app = typer.Typer(name="regions", help="Prepare gateways side by side, and their bridge.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name: a-z, 0-9, - and _.", show_default=False)]
Application = Annotated[
    str | None, typer.Option("--application", metavar="ID", help="Its application in ChirpStack, for a new region.")
]
Root = Annotated[
    str | None, typer.Option("--root", metavar="TOPIC", help="Its publication.root, else parking/NAME/v1.")
]
Admin = Annotated[
    str | None,
    typer.Option(
        "--admin",
        metavar="URL",
        help="A user of PostgreSQL who may create roles and databases. The command then makes those of the region.",
    ),
]
Folder = Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="The folder of all configurations.")]
States = Annotated[Path, typer.Option("--states", metavar="FOLDER", help="The folder of all state directories.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and change nothing.")]

_FOLDER = Path("/etc/parking-gateway")
_STATES = Path("/var/lib/parking-gateway")


@app.command("prepare")
def prepare(  # noqa: PLR0913 - the options of a command
    name: Name,
    *,
    application: Application = None,
    root: Root = None,
    admin: Admin = None,
    folder: Folder = _FOLDER,
    states: States = _STATES,
    dry_run: DryRun = False,
) -> None:
    """Prepare a region.

    The region is a gateway with an application of ChirpStack, a publication root, a client id, a user of the broker, a database and
    ports of its own. The command writes its configuration and its secrets, and prints what is to be done on the broker, in
    PostgreSQL and in systemd. With --admin it makes the database too. All else is taken over from regions.toml, or from config.toml.
    It refuses what would collide with another gateway of the folder. It can run twice: files that are there stay as they are.

    Write no password into --admin: libpq takes it from ~/.pgpass or PGPASSWORD.

    For example:

        parking-gateway regions prepare north --application 52f14cd4-c6f1-4fbd-8f87-4025e1d49242 --dry-run
    """
    from parking_gateway.cli.regions import preparing  # noqa: PLC0415 - heavy
    from parking_gateway.cli.regions.region import Place, Refused  # noqa: PLC0415 - as above

    place = Place(name=name, folder=folder.absolute(), states=states.absolute())
    try:
        planned = preparing.plan(place, application=application, root=root)
        if dry_run:
            for path in planned.texts:
                show_line(f"{path}: {'stays as it is' if path.exists() else 'would be written'}")
        elif admin is None:
            _write(planned)
        else:
            _write_and_make(planned, admin)
    except Refused as refusal:
        fail(*refusal.sentences)
    for key in planned.left_out:
        show_remark(f"{place.shared}: {key} is not taken over. If the region needs it, give it a value of its own.")
    for line in _by_other_hands(planned, is_database_made=admin is not None and not dry_run):
        show_line(line)
    if dry_run:
        show_line("This was a dry run: nothing was changed.")


@app.command("list")
def list_(*, folder: Folder = _FOLDER, states: States = _STATES, as_json: AsJson = False) -> None:
    """List the gateways of this machine by their configurations.

    For example:

        parking-gateway regions list
    """
    from parking_gateway.cli.regions.neighbours import neighbours  # noqa: PLC0415 - as above
    from parking_gateway.cli.regions.region import Place, Refused  # noqa: PLC0415 - as above
    from parking_gateway.process.config.shown import database_name  # noqa: PLC0415 - as above

    try:
        found = neighbours(Place(name="", folder=folder.absolute(), states=states.absolute()))
    except Refused as refusal:
        fail(*refusal.sentences)
    rows = [
        {
            "region": one.file.stem,
            "topic": one.config.chirpstack.topic,
            "root": one.config.publication.root,
            "broker": str(one.config.mqtt.url),
            "database": database_name(one.config),
            "health": "" if one.config.telemetry.listen is None else str(one.config.telemetry.listen),
        }
        for one in found
    ]
    if as_json:
        show_json(rows)
        return
    columns = ("region", "topic", "root", "broker", "database", "health")
    show_table(columns, [[row[column] for column in columns] for row in rows])


@app.command("bridge")
def bridge_(
    central: Annotated[
        str, typer.Argument(metavar="URL", help="The central broker, a Mosquitto: mqtt://HOST.", show_default=False)
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The folder of the files.", show_default=False)],
    *,
    folder: Folder = _FOLDER,
    states: States = _STATES,
) -> None:
    """Write the files of a bridge to one broker.

    It brings the pictures of all regions together.

    The central broker subscribes to the retained topics of each region whose broker is another one, and publishes nothing there. The
    command can run again after a region was prepared: it writes the files for the present regions, and keeps the password.

    For example:

        parking-gateway regions bridge mqtt://central.example.org ./bridge
    """
    from parking_gateway.cli.regions import bridge  # noqa: PLC0415 - as above
    from parking_gateway.cli.regions.neighbours import neighbours  # noqa: PLC0415 - as above
    from parking_gateway.cli.regions.region import Place, Refused  # noqa: PLC0415 - as above
    from parking_gateway.process.config import ConfigError, load_of_another  # noqa: PLC0415 - as above

    try:
        regions = neighbours(Place(name="", folder=folder.absolute(), states=states.absolute()))
        there = load_of_another(None, secrets=output, overrides={"mqtt": {"url": central}})
        for path, purpose in bridge.write(output.absolute(), regions, there):
            show_line(f"{path}: for {purpose}")
    except ConfigError:
        fail(f"{central} cannot be the central broker: write mqtt://HOST or mqtts://HOST.")
    except Refused as refusal:
        fail(*refusal.sentences)
    show_line(f"The topics {bridge.STATUS_ROOT}/… of the central broker show which bridge is connected: 1 or 0.")


def _write(planned: "Plan") -> None:
    from parking_gateway.cli.regions import preparing  # noqa: PLC0415 - as above

    for path, is_written in preparing.write(planned):
        show_line(f"{path}: {'written' if is_written else 'stays as it is'}")


def _write_and_make(planned: "Plan", admin: str) -> None:
    """Write the files, and make the database of the region with the schema of this version."""
    from parking_gateway.process.config import database_url, load_of_another  # noqa: PLC0415 - as above
    from parking_gateway.store import migrating, own_database  # noqa: PLC0415 - as above

    try:
        url = database_url.accepted(admin)
    except ValueError as mistake:
        fail(f"--admin {mistake}.")

    async def make(pool: "Pool") -> None:
        # Before the files: a second run takes the database for that of the region, because there are files of it.
        if planned.is_new:
            await own_database.require_new(pool, planned.database)
        _write(planned)
        is_made = await own_database.make(pool, planned.database)
        show_line(
            f"Database: {planned.database.name} {'made' if is_made else 'found'}; {planned.database.role} owns it."
        )

    async def migrate(pool: "Pool") -> None:
        before, after = await migrating.upgrade(pool.engine)
        show_line(f"Schema: {before or 'none'} -> {after}.")

    try:
        with_database(load_of_another(None, secrets=planned.place.secrets, overrides={"database": {"url": url}}), make)
    except own_database.NotOurs as finding:
        fail(f"PostgreSQL: {finding}: choose another name for the region, or remove it there if nobody needs it.")
    with_database(planned.config, migrate)


def _by_other_hands(planned: "Plan", *, is_database_made: bool) -> list[str]:
    """The steps that another program or an administrator has to carry out. They may be carried out again."""
    place, secrets, user = planned.place, planned.place.secrets, planned.config.mqtt.username
    rights, passwords = "/etc/mosquitto/parking.acl", "/etc/mosquitto/passwords"
    drop_in = f"/etc/systemd/system/{place.unit}.service.d/credentials.conf"
    environment = f"PARKING_GATEWAY_CONFIG={place.file} PARKING_GATEWAY_SECRETS_DIRECTORY={secrets}"
    database = [
        "# PostgreSQL",
        f"runuser -u postgres -- psql --quiet <{secrets}/make-database.sql",
        f"{environment} parking-gateway migrate",
    ]
    return [
        "",
        *([] if is_database_made else database),
        "# The broker, if it is Mosquitto with the files of this project",
        f"grep -q '^user {user}$' {rights} || cat {secrets}/broker.acl >>{rights}",
        f"sed -i '/^{user}:/d' {passwords} && cat {secrets}/broker.passwords >>{passwords}",
        "systemctl reload mosquitto",
        "# systemd",
        f"install -D -m 0644 {secrets}/credentials.conf {drop_in}",
        "systemctl daemon-reload",
        f"systemctl enable --now {place.unit}",
        "# Commands of this region",
        f"{environment} parking-gateway doctor",
    ]
