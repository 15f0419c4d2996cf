#!/bin/bash
# The first words of a machine, be it a lab's or one that bakes an image. Runs at every boot (cloud-init on AWS as root; the machine
# runner of the local cloud as whoever started it). Holds no secret: the machine proves who it is with its instance role.
#
# Placeholders, each replaced by the control plane as plain text: __LAB_ID__ __STAGE__ __REGION__ __API_URL__ __BUNDLE__
# (s3://bucket/key) __FILE_SYSTEM_ID__ (may be blank) __ACCESS_MODE__ (tunnel | domain | local) __BAKE__ (a bake's id, or blank).
#
# Fetches the bundle, unpacks it once, and hands over to `python3 -m aws_research_wizard.host boot` (or `bake`) inside it, which needs
# nothing but Debian's Python. Locally AWR_MACHINE_ROOT stands for / and AWR_PYTHON may name another Python 3.11.
set -euo pipefail
umask 022

started=$(date +%s.%N)
root="${AWR_MACHINE_ROOT:-}"
python="${AWR_PYTHON:-/usr/bin/python3}"
bundle='__BUNDLE__'
wizard="$root/opt/wizard"
asked="$(basename "$bundle" .tar.gz)"
here="$wizard/bundle/$asked"

# A bake is tried once and ends with its machine, come what may. (3: do not begin again.)
ends() { code=$?; [ -n "$root" ] || systemctl poweroff; [ "$code" = 0 ] || exit 3; }
if [ -n '__BAKE__' ]; then trap ends EXIT; fi

# The release that runs here is booted, be it newer than the one of the launch; unless this start asks for another than the last did.
current="$(readlink -f "$wizard/current" 2>/dev/null || true)"
if [ ! -e "$current/.complete" ]; then current=""; fi
if [ -n "$current" ] && [ "$(cat "$wizard/asked" 2>/dev/null)" = "$asked" ]; then here="$current"; fi

# What belongs to whoever started us is no business of the lab's.
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE \
  PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV CONDA_PREFIX

fetch() {
  mkdir -p "$here"
  # Credentials are fetched and used inside this process: they are in no argv, no environment, no file.
  "$python" - "$bundle" '__REGION__' "$here/bundle.tar.gz" <<'PYTHON'
import datetime, hashlib, hmac, json, os, shutil, sys, time, urllib.error, urllib.parse, urllib.request

bundle, region, target = sys.argv[1:]
bucket, key = bundle.removeprefix("s3://").split("/", 1)
override = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
base = f"{override.rstrip('/')}/{bucket}" if override else f"https://{bucket}.s3.{region}.{suffix}"
url = f"{base}/{urllib.parse.quote(key)}"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
imds = (os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254").rstrip("/") + "/latest/"


def ask(path, method="GET", **headers):
    request = urllib.request.Request(imds + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return direct.open(request, timeout=5).read().decode().strip()


def signed():
    session = ask("api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="300")
    roles = "meta-data/iam/security-credentials/"
    role = ask(roles, X_aws_ec2_metadata_token=session).split("\n")[0]
    found = json.loads(ask(roles + role, X_aws_ec2_metadata_token=session))
    place, stamp = urllib.parse.urlsplit(url), datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": place.netloc, "x-amz-content-sha256": empty, "x-amz-date": stamp, "x-amz-security-token": found["Token"]}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    request = hashlib.sha256(f"GET\n{place.path}\n\n{lines}\n{names}\n{empty}".encode()).hexdigest()
    secret = ("AWS4" + found["SecretAccessKey"]).encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{request}".encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={found['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return urllib.request.Request(url, headers=headers)


opener = direct if override else urllib.request.build_opener()
for wait in (1, 2, 4, 8, 15, 15, 15, 15, 0):  # a new role's rights take some seconds to be known everywhere
    try:
        with opener.open(signed(), timeout=60) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        break
    except (OSError, KeyError, ValueError) as error:
        print(f"[boot] the bundle {bundle} could not be fetched: {error}", file=sys.stderr, flush=True)
        if not wait:
            sys.exit(1)
        time.sleep(wait)
PYTHON
  tar -xzf "$here/bundle.tar.gz" -C "$here" --no-same-owner && rm "$here/bundle.tar.gz" && touch "$here/.complete"
}
if [ ! -e "$here/.complete" ] && ! fetch; then
  for whole in "$wizard"/bundle/*/.complete; do if [ -z "$current" ] && [ -e "$whole" ]; then current="${whole%/.complete}"; fi; done
  [ -n "$current" ] || exit 1
  here="$current"
fi

export AWR_LAB_ID='__LAB_ID__' AWR_STAGE='__STAGE__' AWR_REGION='__REGION__' AWR_API_URL='__API_URL__' \
  AWR_FILE_SYSTEM_ID='__FILE_SYSTEM_ID__' AWR_ACCESS_MODE='__ACCESS_MODE__' AWR_BUNDLE_DIR="$here" AWR_ASKED="$asked" \
  AWR_BAKE='__BAKE__' AWR_ARTIFACTS="$(basename "$(dirname "$(dirname "$bundle")")")" \
  AWS_REGION='__REGION__' AWS_DEFAULT_REGION='__REGION__'
PYTHONPATH=$(echo "$here"/*.whl)
AWR_BOOT_SECONDS=$("$python" -c "import time; print(round(time.time() - $started, 3))")
export PYTHONPATH AWR_BOOT_SECONDS
cd "${root:-/}"

if [ -n "$AWR_BAKE" ]; then
  export HOME="${HOME:-/root}"
  "$python" -P -m aws_research_wizard.host bake
  exit
fi
if [ -n "$root" ]; then
  exec "$python" -P -m aws_research_wizard.host boot
fi
# On AWS systemd keeps the boot's process: it is started again when it ends badly (3 = it has said why it cannot become a lab), and its
# end takes nobody's server with it.
names=$(compgen -e | grep -E '^(AWR_|AWS_|PYTHONPATH$)')
systemctl reset-failed wizard.service 2>/dev/null || true
# shellcheck disable=SC2046  # one option a name
exec systemd-run --unit=wizard --collect --setenv=HOME=/root --property=Restart=on-failure --property=RestartSec=5 \
  --property=RestartPreventExitStatus=3 --property=KillMode=process --property=TimeoutStopSec=60 --property=LimitNOFILE=65536 \
  $(printf -- '--setenv=%s ' $names) "$python" -P -m aws_research_wizard.host boot
