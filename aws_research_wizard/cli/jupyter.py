"""The commands about labs, in the order of a lab's life."""

from aws_research_wizard.cli import (
    activating,
    backups,
    changing,
    costs,
    hours,
    idle,
    importing,
    looking,
    making,
    members,
    upgrading,
    uploading,
)
from aws_research_wizard.cli.session import Format, command, group

app = group("Labs: make, open, stop, start, scale, delete, share them.")

command(app, "quick-start", "jupyter quick-start --domain genomics --team-size 5 --notebook-examples")(making.quick_start)
command(
    app,
    "deploy",
    "jupyter deploy --domain genomics --users 10 --instance-type r6i.4xlarge --shared-storage 1TB",
    "jupyter deploy --migrate-from-python old.yaml --preserve-configurations --domain genomics",
)(making.deploy)
command(app, "list", "jupyter list", "jupyter list --output json")(looking.list_labs)
command(app, "status", "jupyter status genomics-k3x9 --watch")(looking.status)
command(app, "open", "jupyter open genomics-k3x9", "jupyter open genomics-k3x9 --start")(looking.open_lab)
command(app, "logs", "jupyter logs genomics-k3x9 --follow")(looking.logs)
command(app, "events", "jupyter events genomics-k3x9 --follow")(looking.events)
command(app, "stop", "jupyter stop genomics-k3x9")(changing.stop)
command(app, "start", "jupyter start genomics-k3x9")(changing.start)
command(
    app,
    "scale",
    "jupyter scale genomics-k3x9 --users 20",
    "jupyter scale genomics-k3x9 --instance-type r6i.8xlarge --shared-storage 2TB",
)(changing.scale)
command(
    app,
    "hours",
    'jupyter hours genomics-k3x9 --stop "19:00" --start "08:00" --tz Europe/Berlin --days mon-fri',
    "jupyter hours genomics-k3x9",
    "jupyter hours genomics-k3x9 --off",
)(hours.hours)
command(
    app,
    "why",
    "jupyter why genomics-k3x9",
    "jupyter why genomics-k3x9 --at 2026-11-23T18:00",
    "jupyter why genomics-k3x9 --policy longer.yaml",
)(idle.why)
command(app, "extend", "jupyter extend genomics-k3x9 --for 2h")(idle.extend)
command(
    app,
    "exempt",
    'jupyter exempt genomics-k3x9 --for 3d --reason "a course runs until Friday"',
    "jupyter exempt genomics-k3x9 --lift",
)(idle.exempt)
command(
    app,
    "activate",
    "jupyter activate genomics-k3x9 --domain climate_modeling",
    "jupyter activate genomics-k3x9 --domain machine_learning --kernel python-gpu",
)(activating.activate)
command(app, "deactivate", "jupyter deactivate genomics-k3x9 --domain climate_modeling")(activating.deactivate)
command(app, "upgrade", "jupyter upgrade genomics-k3x9 --backup")(upgrading.upgrade)
command(app, "delete", "jupyter delete genomics-k3x9 --keep-data")(changing.delete)
command(
    app,
    "cost-report",
    "jupyter cost-report",
    "jupyter cost-report genomics-k3x9 --by user --chart",
    "jupyter cost-report --by day --from 2026-11-01 --to 2026-11-30 --output csv",
    also=(Format.CSV,),
)(costs.cost_report)
command(app, "backup", "jupyter backup genomics-k3x9", "jupyter backup genomics-k3x9 --then stop")(backups.backup)
command(
    app,
    "backups",
    "jupyter backups",
    "jupyter backups genomics-k3x9",
    "jupyter backups genomics-k3x9 newest --files --path shared",
)(backups.backups)
command(
    app,
    "restore",
    "jupyter restore genomics-k3x9 --from newest --path analysis.ipynb",
    "jupyter restore genomics-k3x9 --from b-20261123-030000-x7k2 --path ~/results --over",
)(backups.restore)
command(app, "drills", "jupyter drills genomics-k3x9", "jupyter drills genomics-k3x9 --now")(backups.drills)
command(
    app,
    "import-environment",
    "jupyter import-environment --kernels current_kernels.txt --packages current_packages.txt --domain custom",
    "jupyter import-environment --packages requirements.txt --domain my_group --dry-run",
)(importing.import_environment)
command(
    app,
    "import-notebooks",
    "jupyter import-notebooks --source ./notebooks/ --destination s3://bucket/notebooks/ --dry-run",
    "jupyter import-notebooks --source ./notebooks/ --destination s3://bucket/notebooks/",
)(uploading.import_notebooks)
app.add_command(members.users, "users")
