"""The tests' own measure of a machine that stands still."""

import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import time
from tests.stand_stills import StandStills
began = time.time()
with StandStills().watching() as seen:
    print("ready", flush=True)
    input()
print(seen.within(began, time.time()), seen.within(began, began), seen.within(time.time(), time.time() + 9))
"""


def test_a_stand_still_is_measured_where_it_was():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        output, _ = process.communicate("\n", timeout=60)
    stood, at_once, afterwards = map(float, output.split())
    assert stood > 0.9
    assert (at_once, afterwards) == (0, 0)
