"""What can one ask of a lab, and of who works in it?"""

# mypy: disable-error-code="no-any-return"
# (JSON off the wire is Any; the shapes say what it is, and a test holds them to the API's own document)
from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from aws_research_wizard.client.asking import Asking, of_lab

if TYPE_CHECKING:
    from aws_research_wizard.client import shapes

PAGE = 100


class LabCalls(Asking):
    # labs

    def labs(self) -> Iterator[shapes.LabView]:
        """The labs I may see, page by page as they are asked for."""
        return self._pages("/labs")

    def lab(self, lab_id: str) -> shapes.LabView:
        """One lab as it is now."""
        return self._get(of_lab(lab_id))

    def create_lab(self, request: shapes.LabRequest, key: str = "") -> shapes.LabView:
        """Ask for a lab; the answer is the lab, PROVISIONING."""
        return self._send("POST", "/labs", request, key=key)

    def delete_lab(self, lab_id: str, *, keep_data: bool = True, key: str = "") -> shapes.LabView:
        """Take a lab down; its files stay unless `keep_data` is False."""
        return self._send("DELETE", of_lab(lab_id), query={"data": "keep" if keep_data else "delete"}, key=key)

    def stop_lab(self, lab_id: str, key: str = "") -> shapes.LabView:
        """Stop the machine; files stay."""
        return self._send("POST", of_lab(lab_id, "stop"), key=key)

    def start_lab(self, lab_id: str, key: str = "") -> shapes.LabView:
        """Start a stopped lab."""
        return self._send("POST", of_lab(lab_id, "start"), key=key)

    def upgrade_lab(self, lab_id: str, key: str = "") -> shapes.LabView:
        """Bring a lab to the newest release: while people work, or with its next start."""
        return self._send("POST", of_lab(lab_id, "upgrade"), key=key)

    def activate_pack(self, lab_id: str, pack: str, kernels: Sequence[str] = (), key: str = "") -> shapes.LabView:
        """Add a pack's kernels to a lab while people work; `kernels` are those on request, by key."""
        return self._send("POST", of_lab(lab_id, "packs"), {"pack": pack, "kernels": list(kernels)}, key=key)

    def deactivate_pack(self, lab_id: str, pack: str, key: str = "") -> shapes.LabView:
        """Take a pack out of a lab; kernels that run go on."""
        return self._send("DELETE", of_lab(lab_id, "packs", pack), key=key)

    def scale_lab(self, lab_id: str, changes: shapes.ScaleRequest, key: str = "") -> shapes.LabView:
        """Change users, instance type or storage."""
        return self._send("POST", of_lab(lab_id, "scale"), changes, key=key)

    def give_wake_key(self, lab_id: str, key: str = "") -> shapes.WakeKeyView:
        """A new key of the lab's page, for me; the one before counts no more."""
        return self._send("POST", of_lab(lab_id, "wake-key"), key=key)

    def take_wake_key_back(self, lab_id: str, key: str = "") -> None:
        """I have no key of the lab's page any more."""
        self._send("DELETE", of_lab(lab_id, "wake-key"), key=key)

    def login(self, lab_id: str) -> shapes.LoginView:
        """A link into the hub for me: single use, two minutes."""
        return self._send("POST", of_lab(lab_id, "login"))

    def events(self, lab_id: str) -> Iterator[shapes.EventView]:
        """What happened to the lab, oldest first."""
        return self._pages(of_lab(lab_id, "events"), {"limit": PAGE})

    def events_page(self, lab_id: str, cursor: str | None = None) -> shapes.EventList:
        """One page of the lab's facts and the cursor to the next; `watch` follows with it."""
        return self._get(of_lab(lab_id, "events"), {"limit": PAGE, "cursor": cursor})

    def logs(self, lab_id: str) -> Iterator[shapes.LineView]:
        """The lab machine's log lines, oldest first."""
        return self._pages(of_lab(lab_id, "logs"), {"limit": PAGE})

    def logs_page(self, lab_id: str, cursor: str | None = None) -> shapes.LineList:
        """One page of the machine's log lines and the cursor to the next."""
        return self._get(of_lab(lab_id, "logs"), {"limit": PAGE, "cursor": cursor})

    def last_lines(self, lab_id: str, many: int) -> list[shapes.LineView]:
        """The last lines its machine wrote, oldest first; no more is read than that."""
        newest = self._pages(of_lab(lab_id, "logs"), {"limit": min(many, PAGE), "order": "newest"})
        return list(islice(newest, many))[::-1]

    # people of a lab

    def users(self, lab_id: str) -> Iterator[shapes.UserView]:
        """Who may use the lab."""
        return self._pages(of_lab(lab_id, "users"))

    def add_user(self, lab_id: str, email: str, role: shapes.LabRole, key: str = "") -> shapes.UserView:
        """Let a person in."""
        return self._send("POST", of_lab(lab_id, "users"), {"email": email, "role": role}, key=key)

    def set_user_role(self, lab_id: str, email: str, role: shapes.LabRole, key: str = "") -> shapes.UserView:
        """Change what a person may do in the lab."""
        return self._send("PUT", of_lab(lab_id, "users", email), {"role": role}, key=key)

    def remove_user(self, lab_id: str, email: str, key: str = "") -> None:
        """The person may not enter any more; their files stay."""
        self._send("DELETE", of_lab(lab_id, "users", email), key=key)
