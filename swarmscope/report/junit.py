"""A run as JUnit XML: one test case per target, so that a CI shows it among its tests. No I/O.

Red exactly when the run is not a PASS: a missed or unmeasured target below the gate is a skipped test with its
reason, because most CI systems fail a job for a red one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from swarmscope.bottleneck import Conclusion, find_bottleneck
from swarmscope.report.course_sections import breaking_point, recovery_words
from swarmscope.report.recommendations import in_words
from swarmscope.run_result import RunResult
from swarmscope.verdict import Judgement, Status

# What XML 1.0 cannot hold, even escaped: control characters, lone surrogates, non-characters.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(result: RunResult) -> str:
    """The text of junit.xml."""
    info = result.info
    root = Element("testsuites", name="swarmscope")
    suite = SubElement(
        root,
        "testsuite",
        name=_clean(f"{info.system} {info.profile}"),
        timestamp=datetime.fromtimestamp(info.started, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        time=f"{info.stopped - info.started:.3f}",
    )
    properties = SubElement(suite, "properties")
    for name in ("run", "environment", "version", "host"):
        SubElement(properties, "property", name=name, value=_clean(getattr(info, name)))
    SubElement(properties, "property", name="verdict", value=result.verdict)
    for recovery in result.recoveries:
        SubElement(
            properties, "property", name=_clean(f"recovery {recovery.phase}"), value=recovery_words(recovery)
        )
    for number, finding in enumerate(breaking_point(result), start=1):
        SubElement(properties, "property", name=f"breaking point {number}", value=_clean(finding))
    found = find_bottleneck(result)
    if found.conclusion is not Conclusion.NOT_MEASURED:
        SubElement(properties, "property", name="bottleneck", value=_clean(in_words(result, found)))
    for judgement in result.judgements:
        _target_case(result, suite, judgement)
    not_judged = {target.id: target for target in result.system.targets if target.id in result.not_judged}
    for target in not_judged.values():
        message = f"not judged under the load profile {info.profile}"
        _mark(_case(result, suite, target.in_words), "skipped", "", message)
    _run_cases(result, suite)
    for element in (suite, root):
        for attribute, tag in (
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            element.set(attribute, str(len(list(element.iter(tag)))))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _target_case(result: RunResult, suite: Element, judgement: Judgement) -> None:
    target = judgement.target
    case = _case(result, suite, target.in_words)
    if judgement.status is Status.PASS:
        SubElement(case, "system-out").text = _clean(judgement.reason)
    elif not result.system.gate.covers(target.priority):
        gate = f"its priority ({target.priority}) is below the gate ({result.system.gate})"
        _mark(case, "skipped", "", f"{judgement.status}, but {gate}: {judgement.reason}")
    elif judgement.status is Status.FAIL:
        _mark(case, "failure", "TargetMissed", judgement.reason)
    else:
        _mark(case, "error", "NoData", judgement.reason)


def _run_cases(result: RunResult, suite: Element) -> None:
    load = _case(result, suite, "load is valid")
    if result.invalid:
        _mark(load, "error", "InvalidLoad", "; ".join(result.invalid))
    judged = _case(result, suite, "a target was judged")
    if not any(result.system.gate.covers(judgement.target.priority) for judgement in result.judgements):
        _mark(judged, "error", "NothingJudged", "the gate covers no target of this load profile")
    ended = _case(result, suite, "run ended as planned")
    if result.exit_code is not result.verdict.exit_code:
        _mark(ended, "error", result.exit_code.name, result.exit_code.meaning)


def _case(result: RunResult, suite: Element, name: str) -> Element:
    where = f"swarmscope.{result.info.system}.{result.info.profile}"
    return SubElement(suite, "testcase", classname=_clean(where), name=_clean(name), time="0")


def _mark(case: Element, tag: str, kind: str, message: str) -> None:
    mark = SubElement(case, tag, message=_clean(message))
    if kind:
        mark.set("type", kind)
        mark.text = _clean(message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
