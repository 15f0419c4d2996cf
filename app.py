"""The table of contents: every entry of the control plane, in the order a lab lives."""

from chalicelib.runtime import api as service  # before Chalice: importing chalicelib also calms the garbage collector

# isort: split
from chalice import Chalice

from chalicelib.audit import api as audit
from chalicelib.audit import events as audit_events
from chalicelib.audit import schedules as audit_schedules
from chalicelib.backups import api as backups
from chalicelib.backups import events as backups_events
from chalicelib.backups import schedules as backups_schedules
from chalicelib.backups import tasks as backups_tasks
from chalicelib.bills import api as bills
from chalicelib.bills import schedules as bills_schedules
from chalicelib.cost import api as cost
from chalicelib.cost import events as cost_events
from chalicelib.cost import schedules as cost_schedules
from chalicelib.hours import api as hours
from chalicelib.hours import events as hours_events
from chalicelib.hours import schedules as hours_schedules
from chalicelib.hours import tasks as hours_tasks
from chalicelib.idle import api as idle
from chalicelib.idle import events as idle_events
from chalicelib.idle import schedules as idle_schedules
from chalicelib.images import api as images
from chalicelib.images import events as images_events
from chalicelib.images import schedules as images_schedules
from chalicelib.images import tasks as images_tasks
from chalicelib.labs import account_api as labs_account
from chalicelib.labs import api as labs
from chalicelib.labs import events as labs_events
from chalicelib.labs import machine_api as labs_machine
from chalicelib.labs import pack_api as labs_packs
from chalicelib.labs import schedules as labs_schedules
from chalicelib.labs import tasks as labs_tasks
from chalicelib.labs import upgrade_api as labs_upgrade
from chalicelib.limits import api as limits
from chalicelib.packs import api as packs
from chalicelib.people import api as people
from chalicelib.people import tasks as people_tasks
from chalicelib.runtime import events as runtime_events
from chalicelib.runtime import tasks as runtime_tasks
from chalicelib.wake import api as wake

app = Chalice(app_name="aws-research-wizard", configure_logs=False)  # runtime.log writes the lines

for entries in (
    service,  # is the API there, and what can be asked of it
    people_tasks,  # the first administrator
    people,  # who am I, my tokens, who may use this stage
    packs,  # which environment does a lab get
    images,  # is it already baked
    images_tasks,  # the state machine's steps
    images_events,  # what EC2 reports of images
    images_schedules,  # every week
    limits,  # may they have it
    labs,  # the request
    labs_packs,  # another pack, in a lab that runs
    labs_upgrade,  # the newest release, when somebody wants it
    labs_tasks,  # the state machines' steps
    labs_machine,  # the machine calls home
    labs_events,  # what EC2 and Step Functions report
    labs_schedules,  # the sweep for what was lost
    labs_account,  # what nobody counts as theirs
    idle,  # is anyone there
    idle_events,  # what begins and ends, and answers a warning
    idle_schedules,  # whatever is due
    wake,  # a stopped lab's address
    hours,  # a team's own timetable
    hours_tasks,  # its moments
    hours_schedules,  # those that were missed
    hours_events,  # labs that come and go
    backups,  # can we get it back
    backups_tasks,  # the state machines' steps
    backups_events,  # what Step Functions reports
    backups_schedules,  # every night, every day, every week
    cost,  # what has it cost
    cost_events,  # what begins or ceases to cost
    cost_schedules,  # every hour, and AWS's prices every day
    bills,  # what AWS says it cost
    bills_schedules,  # every night
    runtime_tasks,  # what an earlier release stored
    runtime_events,  # facts, from the stream to the bus
    audit_events,  # and from the stream into the log that cannot be bent
    audit_schedules,  # is it whole
    audit,  # what happened, for whoever may know
):
    app.register_blueprint(entries.bp)
