"""The local stack: which programs it is made of, where they listen, and how they are started, watched and ended.

components   finds the programs that must be installed, with their versions
ports        says which ports are taken, and by whom
processes    one started program: health, log, end
plan         the programs of a stack in starting order, and the configuration files that they read
supervisor   starts a plan, notices deaths, tears it down
generator    Locust's command line, and what its exit code means
run, up      what `make run`, `make up` and `make down` do with all of these
"""
