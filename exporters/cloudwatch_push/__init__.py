"""Pushes what a load generator measures to CloudWatch, window by window, without disturbing the load.

request → WindowRecorder ─ a window's end ─▶ Pusher ─ data, made in a thread ─▶ Sender ─ in a thread ─▶ CloudWatch

recorder.py  counts requests for the window that is open
pusher.py    follows Locust's events, closes windows, has their data made
sender.py    keeps what waits, makes one call at a time, decides what is repeated and what is given up
client.py    boto3: the call itself and what its answer means
counters.py  what became of all data, for the exporter's page
"""
