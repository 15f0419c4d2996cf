"""Who may use a lab, and as what?"""

from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import LabRole

ROLES = click.Choice(["lead", "member", "viewer"])
users = group("Who may use a lab: add, remove, list, change roles.")
email = click.argument("email", metavar="EMAIL")


@command(users, "add", "jupyter users add genomics-k3x9 mira@university.edu --role lead")
@labs.lab
@email
@click.option("--role", type=ROLES, default="member", show_default=True, help="What they may do.")
def add(lab: str, email: str, role: "LabRole", output: Format) -> None:
    """Let a person in; within seconds they can sign in."""
    with connect() as calls:
        found = labs.find(calls, lab)
        member = labs.ask(lambda: calls.add_user(found["id"], email, role), f"add {email}")
    emit(output, member, f"{_tick()} {member['email']} is {member['role']} of {found['id']}")


@command(users, "remove", "jupyter users remove genomics-k3x9 mira@university.edu")
@labs.lab
@email
def remove(lab: str, email: str, output: Format) -> None:
    """Take a person's access away; their files stay."""
    with connect() as calls:
        found = labs.find(calls, lab)
        labs.ask(lambda: calls.remove_user(found["id"], email), f"remove {email}")
    emit(
        output,
        {"lab": found["id"], "email": email, "removed": True},
        f"{_tick()} {email} has no access to {found['id']} any more",
    )


@command(users, "list", "jupyter users list genomics-k3x9")
@labs.any_lab
def list_users(lab: str, output: Format) -> None:
    """The people of a lab."""
    with connect() as calls:
        people = list(calls.users(labs.find(calls, lab)["id"]))
    rows = [(one["email"], one["role"] + (", owner" if one["owner"] else ""), screen.ago(one["added_at"])) for one in people]
    emit(output, people, lambda: screen.table(("EMAIL", "ROLE", "ADDED"), rows))


@command(users, "role", "jupyter users role genomics-k3x9 mira@university.edu viewer")
@labs.lab
@email
@click.argument("role", type=ROLES)
def change_role(lab: str, email: str, role: "LabRole", output: Format) -> None:
    """Change what a person may do in a lab."""
    with connect() as calls:
        found = labs.find(calls, lab)
        member = labs.ask(lambda: calls.set_user_role(found["id"], email, role), f"change {email}")
    emit(output, member, f"{_tick()} {member['email']} is {member['role']} of {found['id']}")


def _tick() -> str:
    return screen.paint("✔", "green")
