"""Which tokens open the door for me, and how do I make or revoke one?"""

from typing import TYPE_CHECKING, cast

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import Scope, TokenRequest

app = group("Your access tokens: create, list, revoke.")
HEADS = ("ID", "LABEL", "SCOPES", "MADE", "EXPIRES")


@command(
    app,
    "create",
    "tokens create --label laptop --days 30",
    "tokens create --for ada@example.org",
    "tokens create --label ci --scope labs:read --scope packs:read",
)
@click.option("--label", default="", help="What it is for, to recognise it later.")
@click.option("--scope", "scopes", multiple=True, help="What it may do, several times; by default all you may do.")
@click.option("--days", type=click.IntRange(1, 365), default=90, show_default=True, metavar="N", help="How long it is valid.")
@click.option("--for", "person", default="", metavar="EMAIL", help="Another person's token (for administrators).")
def create(person: str, label: str, scopes: tuple[str, ...], days: int, output: Format) -> None:
    """A new token. It is shown once; only its hash is kept."""
    wish: TokenRequest = {"label": label, "expires_in_days": days}
    if scopes:
        wish["scopes"] = [cast("Scope", word) for word in scopes]
    from aws_research_wizard.client.errors import WizardError

    with connect() as calls:
        token = labs.ask(lambda: calls.create_token(wish, person=person), "make a token")
    if token["token"] is None:  # the first answer was lost on the way, and a secret is told once
        again = f"{PROGRAM} tokens revoke {token['token_id']}, then make another"
        raise WizardError(f"token {token['token_id']} was made, but its secret got lost on the way", again)
    if output is Format.TABLE:
        screen.tell(f"Token {token['token_id']}, shown once: keep it like a password.")
    emit(output, token, token["token"])


@command(app, "list", "tokens list")
def list_tokens(output: Format) -> None:
    """Your tokens, without their secrets."""
    with connect() as calls:
        found = list(calls.tokens())
    rows = [
        (one["token_id"], one["label"], ", ".join(one["scopes"]), screen.ago(one["created_at"]), one["expires_at"][:10])
        for one in found
    ]
    emit(output, found, lambda: screen.table(HEADS, rows))


@command(app, "revoke", "tokens revoke tok-7f3a9c")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str, output: Format) -> None:
    """A token stops working, everywhere, within seconds."""
    with connect() as calls:
        labs.ask(lambda: calls.revoke_token(token_id), "revoke a token")
    emit(output, {"token_id": token_id, "revoked": True}, f"{screen.paint('✔', 'green')} Token {token_id} is revoked")
