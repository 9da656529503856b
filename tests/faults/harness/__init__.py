"""Faults against a whole server, chosen by a seed, and a judge that knows what must be true afterwards.

Read in this order:

texts       small files whose text can be recognised wherever it turns up
workload    what is asked of the server, from the seed alone
model       what must be true after it, and what is in doubt because a server died before it answered
desk        a folder that a source of the server follows
client      the workload as HTTP requests, every answer held against the model
interpose.c, interposer   between the server and its disk: count its calls, and at one of them kill it, tear a write,
            cut the power, fill the disk, break it; shift the clock
faults      which of it happens in one life of a server
look, invariants       what a settled server shows and holds, and what is wrong with it
process, era           a server's lives, one after another, on one data folder
soak, sweep, memory    many of them; one piece of work at each of its calls; whether memory stays flat
"""
