"""What would it have cost, and whose work would have been stopped, under another policy? Usage replayed on a virtual clock.

    usage, reading   what people and programs did: lines of a trace, recorded or made by `synthetic` from a seed
    policies         who decides when a machine runs: the production rules under a policy, or what they are compared with
    life             one lab's month: starts, work, beats, checks, warnings, stops; event by event
    evidence         what the lab's machine would have said of itself at a moment
    outcome          dollars, idle hours, wrong stops, waits: per lab, summed
    advice           a smaller machine, one machine for two teams: with reasons
    chart, pages     how the answer looks

The decisions are made by the very modules that decide in production: `production` names them, and nothing else here imports them.
"""
