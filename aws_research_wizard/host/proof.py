"""How does the machine prove which instance it is, with no secret in its user data?

It signs an STS GetCallerIdentity request (AWS Signature Version 4) with its instance role and hands the signed request over. The
control plane sends it to STS itself and reads from the answer which role and which instance signed. The lab's id is signed too,
so a proof made for one lab is worth nothing for another.
"""

from datetime import datetime
from urllib.parse import urlsplit

from aws_research_wizard.host import signing
from aws_research_wizard.host.metadata import Credentials

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
LAB_HEADER = "X-Wizard-Lab"


def sts_endpoint(region: str, override: str | None) -> str:
    """Return the regional STS endpoint (`override` is the SDKs' endpoint setting)."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return override or f"https://sts.{region}.{suffix}"


def make(credentials: Credentials, lab_id: str, region: str, endpoint: str, now: datetime) -> dict[str, object]:
    """Return `{"headers": …, "body": …}`: a signed POST to `endpoint`/ that names the lab."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Host": urlsplit(endpoint).netloc,
        "X-Amz-Date": signing.stamp(now),
        "X-Amz-Security-Token": credentials.token,
        LAB_HEADER: lab_id,
    }
    headers["Authorization"] = signing.authorization(credentials, ("POST", "/"), headers, BODY.encode(), region, "sts")
    return {"headers": headers, "body": BODY}
