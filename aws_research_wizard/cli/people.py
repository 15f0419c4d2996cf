"""Who may use this control plane at all? For its administrators."""

from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import Role

app = group("Who may use this control plane (for its administrators).")


@command(app, "list", "people list")
def list_people(output: Format) -> None:
    """Everybody with their role and teams."""
    with connect() as calls:
        people = list(calls.people())
    rows = [(one["email"], one["role"], ", ".join(one["teams"]), screen.ago(one["added_at"])) for one in people]
    emit(output, people, lambda: screen.table(("EMAIL", "ROLE", "TEAMS", "ADDED"), rows))


@command(app, "add", "people add mira@university.edu --role lead --team lovelace")
@click.argument("email", metavar="EMAIL")
@click.option(
    "--role",
    type=click.Choice(["admin", "lead", "member", "viewer"]),
    default="member",
    show_default=True,
    help="What they may do here.",
)
@click.option("--team", "teams", multiple=True, default=["default"], show_default=True, help="Their teams; the first pays.")
def add(email: str, role: "Role", teams: tuple[str, ...], output: Format) -> None:
    """Add a person, or change their role and teams."""
    with connect() as calls:
        person = labs.ask(lambda: calls.put_person({"email": email, "role": role, "teams": list(teams)}), f"add {email}")
    emit(output, person, f"{screen.paint('✔', 'green')} {person['email']} is {person['role']} in {', '.join(person['teams'])}")
