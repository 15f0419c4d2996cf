"""The control plane for programs: every operation as one method that takes plain values and gives models.

    from aws_research_wizard.client import Client

    with Client() as client:                       # the current profile; or Client("https://…/api", "awr_…")
        lab = client.create_lab("genomics", users=5)
        lab = client.wait(lab.id)                  # LabFailed with the cause if it fails
        print(lab.address, client.login(lab.id).url)

Errors are the tree in `errors.py`. Times are aware datetimes, money is Decimal. `client.calls` gives the same operations with
plain dictionaries, as the command line uses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from aws_research_wizard.client import models, profiles, watching
from aws_research_wizard.client.calls import Calls
from aws_research_wizard.client.errors import LabFailed, WizardError

if TYPE_CHECKING:
    import httpx

    from aws_research_wizard.client.shapes import LabRequest, LabRole, RestoreRequest, Role, ScaleRequest, Scope, TokenRequest


@dataclass(frozen=True)
class Update:
    """A lab as it is, everything that happened (oldest first), what is new since the last update, and any trouble."""

    lab: models.LabView
    events: tuple[models.EventView, ...]
    news: tuple[models.EventView, ...]
    trouble: str = ""

    @property
    def at_rest(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.lab.phase in watching.AT_REST


class Client:
    """One person at one control plane. Without an address: the current profile (see `profiles`)."""

    def __init__(self, url: str = "", token: str = "", transport: httpx.BaseTransport | None = None, **wire: Any) -> None:
        if not url:
            known = profiles.current()
            url, token = known.url, token or known.token
        self.calls = Calls(url, token, transport, **wire)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self.calls.wire.close()

    def whoami(self) -> models.Whoami:
        """The person behind the token."""
        return models.Whoami.model_validate(self.calls.whoami())

    def limits(self) -> models.LimitsView:
        """What my teams use and may use."""
        return models.LimitsView.model_validate(self.calls.limits())

    def packs(self) -> Iterator[models.PackSummaryView]:
        """The domains a lab can be made for."""
        return map(models.PackSummaryView.model_validate, self.calls.packs())

    def pack(self, name: str, *, resolved: bool = False) -> models.PackView:
        """One domain; `resolved` also says which pack each value came from."""
        return models.PackView.model_validate(self.calls.pack(name, resolved=resolved))

    # images

    def bake(self, pack: str) -> models.ImageView:
        """Bake a pack into an image that labs start from (administrators)."""
        return models.ImageView.model_validate(self.calls.bake(pack))

    def images(self, pack: str = "") -> Iterator[models.ImageView]:
        """Bakes and their images."""
        return map(models.ImageView.model_validate, self.calls.images(pack))

    def image(self, bake_id: str) -> models.ImageView:
        """One bake, and its image once there is one."""
        return models.ImageView.model_validate(self.calls.image(bake_id))

    # labs

    def labs(self) -> Iterator[models.LabView]:
        """The labs I may see."""
        return map(_lab, self.calls.labs())

    def lab(self, lab_id: str) -> models.LabView:
        """One lab as it is now."""
        return _lab(self.calls.lab(lab_id))

    def create_lab(
        self,
        domain: str,
        users: int = 1,
        *,
        instance_type: str | None = None,
        shared_storage: str | None = None,
        name: str | None = None,
        team: str | None = None,
        notebook_examples: bool = True,
        kernels: Sequence[str] = (),
    ) -> models.LabView:
        """Ask for a lab; it comes back PROVISIONING. `wait` or `watch` it."""
        wish = {"domain": domain, "users": users, "notebook_examples": notebook_examples}
        more: dict[str, Any] = {"instance_type": instance_type, "shared_storage": shared_storage, "name": name, "team": team}
        more |= {"kernels": list(kernels) or None}
        return _lab(self.calls.create_lab(cast("LabRequest", wish | _said(more))))

    def stop_lab(self, lab_id: str) -> models.LabView:
        """Stop the machine; files stay."""
        return _lab(self.calls.stop_lab(lab_id))

    def start_lab(self, lab_id: str) -> models.LabView:
        """Start a stopped lab."""
        return _lab(self.calls.start_lab(lab_id))

    def upgrade_lab(self, lab_id: str) -> models.LabView:
        """Bring a lab to the newest release: while people work, or with its next start."""
        return _lab(self.calls.upgrade_lab(lab_id))

    def activate_pack(self, lab_id: str, pack: str, *, kernels: Sequence[str] = ()) -> models.LabView:
        """Add a pack's kernels to a lab while people work; look at its `packs` until the state is ready or failed."""
        return _lab(self.calls.activate_pack(lab_id, pack, kernels))

    def deactivate_pack(self, lab_id: str, pack: str) -> models.LabView:
        """Take a pack out of a lab; kernels that run go on."""
        return _lab(self.calls.deactivate_pack(lab_id, pack))

    def scale_lab(
        self, lab_id: str, *, users: int | None = None, instance_type: str | None = None, shared_storage: str | None = None
    ) -> models.LabView:
        """Change users, instance type or storage; another instance type means a restart."""
        changes = {"users": users, "instance_type": instance_type, "shared_storage": shared_storage}
        return _lab(self.calls.scale_lab(lab_id, cast("ScaleRequest", _said(changes))))

    def delete_lab(self, lab_id: str, *, data: Literal["keep", "delete"] = "keep") -> models.LabView:
        """Take a lab down; its people's files stay unless `data` is "delete"."""
        return _lab(self.calls.delete_lab(lab_id, keep_data=data == "keep"))

    def login(self, lab_id: str) -> models.LoginView:
        """A link into the hub for me: it counts once, until it expires."""
        return models.LoginView.model_validate(self.calls.login(lab_id))

    def events(self, lab_id: str) -> Iterator[models.EventView]:
        """What happened to a lab, oldest first."""
        return map(models.EventView.model_validate, self.calls.events(lab_id))

    def logs(self, lab_id: str) -> Iterator[models.LineView]:
        """What a lab's machine wrote, oldest first."""
        return map(models.LineView.model_validate, self.calls.logs(lab_id))

    def watch(self, lab_id: str, timeout: float | None = None) -> Iterator[Update]:
        """Updates as they happen; the last one when the lab rests. NoAnswerYet after `timeout` seconds."""
        for update in watching.follow(self.calls, lab_id, timeout=timeout):
            events = tuple(map(models.EventView.model_validate, update.facts))
            yield Update(_lab(update.lab), events, events[len(events) - len(update.news) :], update.trouble)

    def wait(self, lab_id: str, timeout: float | None = None) -> models.LabView:
        """The lab once it rests; LabFailed with the cause if it failed. NoAnswerYet after `timeout` seconds."""
        *_, last = watching.follow(self.calls, lab_id, timeout=timeout)
        lab = _lab(last.lab)
        if lab.phase is models.Phase.FAILED:
            raise LabFailed(lab.id, f"lab {lab.id} failed: {lab.cause}", lab.hint or "")
        return lab

    def account(self) -> models.AccountView:
        """The last look at what exists in the account (administrators only)."""
        return models.AccountView.model_validate(self.calls.account())

    def reconcile_account(self, *, dry_run: bool = True, grace_minutes: int = 15) -> models.LookView:
        """Have the account looked at now (administrators only); `account` has its report a little later."""
        return models.LookView.model_validate(self.calls.reconcile_account(dry_run=dry_run, grace_minutes=grace_minutes))

    # backups

    def backup_lab(self, lab_id: str, *, then: Literal["stop", "delete"] | None = None) -> models.BackupView:
        """Back a running lab up; `wait_for_backup` says how it went."""
        return models.BackupView.model_validate(self.calls.backup_lab(lab_id, {"then": then}))

    def backups(self, lab_id: str) -> Iterator[models.BackupView]:
        """A lab's backups, the newest first."""
        return map(models.BackupView.model_validate, self.calls.backups(lab_id))

    def backup_files(self, lab_id: str, backup_id: str = "newest", path: str = "") -> Iterator[models.FileView]:
        """What is in a backup under a path."""
        return map(models.FileView.model_validate, self.calls.backup_files(lab_id, backup_id, path))

    def wait_for_backup(self, lab_id: str, backup_id: str, timeout: float | None = None) -> models.BackupView:
        """The backup once it is over; WizardError with the cause if it failed. NoAnswerYet after `timeout` seconds."""
        found = models.BackupView.model_validate(watching.over(lambda: self.calls.backup(lab_id, backup_id), timeout))
        _good(found, f"backup {backup_id}")
        return found

    def restore(
        self, lab_id: str, backup_id: str = "newest", *paths: str, over: bool = False, source_lab: str | None = None
    ) -> models.RestoreView:
        """Get files back, beside what is there; `wait_for_restore` says how it went."""
        asked: RestoreRequest = {"backup_id": backup_id, "paths": list(paths), "over": over, "source_lab": source_lab}
        return models.RestoreView.model_validate(self.calls.restore_lab(lab_id, asked))

    def wait_for_restore(self, lab_id: str, restore_id: str, timeout: float | None = None) -> models.RestoreView:
        """The restore once it is over; WizardError with the cause if it failed. NoAnswerYet after `timeout` seconds."""
        found = models.RestoreView.model_validate(watching.over(lambda: self.calls.restore(lab_id, restore_id), timeout))
        _good(found, f"restore {restore_id}")
        return found

    def drills(self, lab_id: str) -> Iterator[models.DrillView]:
        """What the rehearsals showed, the newest first."""
        return map(models.DrillView.model_validate, self.calls.drills(lab_id))

    # people and tokens

    def users(self, lab_id: str) -> Iterator[models.UserView]:
        """Who may use a lab."""
        return map(models.UserView.model_validate, self.calls.users(lab_id))

    def add_user(self, lab_id: str, email: str, role: LabRole = "member") -> models.UserView:
        """Let a person in."""
        return models.UserView.model_validate(self.calls.add_user(lab_id, email, role))

    def set_user_role(self, lab_id: str, email: str, role: LabRole) -> models.UserView:
        """Change what a person may do in a lab."""
        return models.UserView.model_validate(self.calls.set_user_role(lab_id, email, role))

    def remove_user(self, lab_id: str, email: str) -> None:
        """Take a person's access away; their files stay."""
        self.calls.remove_user(lab_id, email)

    def tokens(self) -> Iterator[models.TokenView]:
        """My tokens, without their secrets."""
        return map(models.TokenView.model_validate, self.calls.tokens())

    def create_token(self, label: str = "", scopes: list[Scope] | None = None, expires_in_days: int = 90) -> models.TokenMade:
        """A new token; its secret is in this answer and never again."""
        wish: TokenRequest = {"label": label, "scopes": scopes, "expires_in_days": expires_in_days}
        return models.TokenMade.model_validate(self.calls.create_token(wish))

    def revoke_token(self, token_id: str) -> None:
        """A token stops working."""
        self.calls.revoke_token(token_id)

    def people(self) -> Iterator[models.PersonView]:
        """Who may use this control plane (administrators only)."""
        return map(models.PersonView.model_validate, self.calls.people())

    def put_person(self, email: str, role: Role = "member", teams: list[str] | None = None) -> models.PersonView:
        """Add a person, or change their role and teams (administrators only)."""
        return models.PersonView.model_validate(
            self.calls.put_person({"email": email, "role": role, "teams": teams or ["default"]})
        )


def _good(found: models.BackupView | models.RestoreView, what: str) -> None:
    if found.state is models.State.FAILED:
        raise WizardError(f"{what} failed: {found.cause}", f"its lab is {found.lab_id}")


def _lab(shape: Any) -> models.LabView:
    return models.LabView.model_validate(shape)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
