"""The reports of a run, as text: Markdown, HTML, JSON and JUnit, all from one RunResult. No I/O."""

from swarmscope.report.as_json import read_result, schema_text, write_result
from swarmscope.report.html import html_report
from swarmscope.report.junit import junit_report
from swarmscope.report.markdown import markdown_report

__all__ = [
    "html_report",
    "junit_report",
    "markdown_report",
    "read_result",
    "schema_text",
    "write_result",
]
