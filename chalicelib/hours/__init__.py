"""A team's own timetable: when does a lab stop and start by itself?"""
