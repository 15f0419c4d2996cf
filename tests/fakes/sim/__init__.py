"""The whole system in one thread, on virtual time: an in-memory AWS, our own code on top of it, and faults at any call.

    cloud.py      Cloud: every service that chalicelib calls; one hook (`strike`) around each call; snapshot, restore, digest
    town.py       Town: a Cloud, the API, the workflows, the bus and its reactions, schedules, and the machines of labs
    explore.py    every single fault and every pair of faults of a flow, by exploring states instead of repeating histories

How it is used:

    with simulated() as town:                      # production code now talks to town.cloud; undone at the end
        lab_id = town.request(domain="genomics")   # verbs: request, stop, start, scale, delete, call(method, url, body)
        town.quiet()                               # run until nothing moves and a sweep changes nothing
        town.stop(lab_id)                          # people's requests are sent as a client would: again after a 5xx
        town.tick(minutes=5)                       # the clock goes on: timers fire, waiting states time out
        for unit in town.units(): ...              # what may happen next, in the usual order; `town.deliver(unit, plan)` does it
        town.snapshot() / town.restore(s) / town.digest() / town.now
        town.cloud.rows("labs") / town.cloud.shelf("ec2.instances").items()    # what there is, to judge it

A unit is one delivery: a task of a state machine, a reaction, a schedule, a machine's call, a person's request, a machine that
arrives in the state it was on the way to. A `Plan` says which of its AWS calls are struck and how: ((index, kind), …). The kinds
of fault are in faults.py. A history is a list of `Step(unit, plan)`; `town.replay(steps)` repeats it exactly.

    result = explore(FLOWS["provision"], faults=2, check=invariants.check)     # Result: flow, calls, kinds, histories, …
    result.violations[0].path                                                  # text that `replay(path)` takes

`check(town, quiet) -> list[str]` is called after every unit (quiet=False) and when all has come to rest (quiet=True).
A new flow is one row of FLOWS in flows.py.
"""
