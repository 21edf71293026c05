"""The local stack: which programs it is made of, where they listen, and how they are started, watched and ended.

run          `make run`: one load test from its checks to its exit code
background   `make up`, `make status`, `make down`: the same stack with Locust's web UI, left running
doctor       says what this machine has of all this

prepare      finds everything that is wrong before anything is started
components   finds the programs that must be installed, with their versions
ports        says which ports are taken, and by whom
folder       the state folder: one stack at a time, what is left running in it
plan         the programs of a stack in starting order, and the configuration files that they read
generator    Locust's command line, and what its exit code means

processes    one started program: health, log, end
supervisor   starts a plan, notices deaths, tears it down
interrupts   Ctrl-C and SIGTERM as a counter
live         asks the exporter, Prometheus and the receiver how the run goes
ending       what is printed when a run has ended
"""
