"""Who am I, where, and what may I use? Signing in and out, and the limits of my teams."""

import sys
from urllib.parse import urlsplit

import click

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, connect_to, emit, group, session

app = group("Signing in and out.")
profile = click.option("--profile", metavar="NAME", help="The name to remember it by; by default the address's host.")


@command(app, "login", "login --url https://abc123.execute-api.eu-west-1.amazonaws.com/api", "login < token.txt")
@click.option("--url", help="Address of the control plane's API; by default the current profile's.")
@profile
def login(url: str | None, profile: str | None, output: Format) -> None:
    """Sign in with a token, typed at the prompt or read from stdin.

    A token is never taken from the command line: other people of this machine could read it there.
    """
    from aws_research_wizard.client import profiles

    name = profile or session.profile
    known = None if url else profiles.current(name)
    address = _checked((url or (known.url if known else "")).rstrip("/"))
    name = name or (known.name if known else urlsplit(address).hostname or "default")
    token = _token(address)
    with connect_to(address, token) as calls:
        person = calls.whoami()
    where = profiles.save(name, address, token)
    done = f"{_tick()} Signed in as {person['email']} ({person['role']}), remembered as '{name}' in {where}"
    emit(output, person | {"profile": name}, done)


@command(app, "logout", "logout", "logout --profile dev")
@profile
def logout(profile: str | None, output: Format) -> None:
    """Forget a control plane and its token on this machine.

    The token itself stays valid until it expires or is revoked.
    """
    from aws_research_wizard.client import profiles

    name = profile or profiles.current(session.profile).name
    gone = profiles.forget(name)
    emit(
        output,
        {"profile": name, "forgotten": gone},
        f"{_tick()} Forgot '{name}'" if gone else f"Nothing was remembered as '{name}'",
    )


@command(app, "whoami", "whoami")
def whoami(output: Format) -> None:
    """Who the token says you are, and where."""
    with connect() as calls:
        person, where = calls.whoami(), calls.wire.url
    pairs = [("E-mail", person["email"]), ("Role", person["role"]), ("Teams", ", ".join(person["teams"]))]
    emit(output, person, lambda: screen.block([*pairs, ("Scopes", ", ".join(person["scopes"])), ("API", where)]))


@command(app, "limits", "limits")
def limits(output: Format) -> None:
    """How many labs your teams have and may have."""
    with connect() as calls:
        found = calls.limits()
    rows = [(one["team"], str(one["labs"]), str(one["limit"])) for one in found["teams"]]
    emit(output, found, lambda: screen.table(("TEAM", "LABS", "LIMIT"), rows))


def _checked(address: str) -> str:
    """An address a token may be sent to: https, or this very machine."""
    from aws_research_wizard.client.wire import LOOPBACK

    parts, context = urlsplit(address), click.get_current_context()
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError("say where: --url https://…  (the ApiUrl output of the stack)", context)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise click.UsageError("a token is only sent over https; this address is plain http", context)
    return address


def _token(address: str) -> str:
    if sys.stdin.isatty():
        screen.tell(
            f"A token for {address}: your administrator has one for you, or `{PROGRAM} tokens create` where you are signed in."
        )
        token = str(click.prompt("Token", hide_input=True, err=True))
    else:
        token = sys.stdin.readline()
    if not token.strip():
        raise click.UsageError("no token was given", click.get_current_context())
    return token.strip()


def _tick() -> str:
    return screen.paint("✔", "green")
