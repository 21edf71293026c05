"""Grafana's provisioning files by what they say, and whether they say it in places that docker-compose.yml mounts."""

import copy
from pathlib import Path, PurePosixPath

import pytest
import yaml

from swarmscope.dashboards.asking import SCRAPE_SECONDS
from swarmscope.dashboards.files import FOLDER, dashboard_files

ROOT = Path(__file__).resolve().parents[2]
PROVISIONING = ROOT / "grafana" / "provisioning"
SOURCES = yaml.safe_load((PROVISIONING / "datasources/swarmscope.yml").read_text())
DASHBOARDS = yaml.safe_load((PROVISIONING / "dashboards/swarmscope.yml").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
GRAFANA = COMPOSE["services"]["grafana"]
MOUNTS = dict(
    reversed(each.removesuffix(":ro").split(":")) for each in GRAFANA["volumes"] if each.startswith("./")
)
"""Path in the container → path in the checkout."""

# As documented: grafana.com/docs/grafana/latest/administration/provisioning/ and the pages of the data sources.
SOURCE_KEYS = {
    *("name", "type", "access", "orgId", "uid", "url", "user", "database", "basicAuth", "basicAuthUser"),
    *("withCredentials", "isDefault", "jsonData", "secureJsonData", "version", "editable"),
}
JSON_KEYS = {
    "prometheus": {
        *("httpMethod", "manageAlerts", "timeInterval", "queryTimeout", "defaultEditor", "prometheusType"),
        *("prometheusVersion", "cacheLevel", "incrementalQuerying", "incrementalQueryOverlapWindow"),
        *(
            "disableMetricsLookup",
            "disableRecordingRules",
            "customQueryParameters",
            "exemplarTraceIdDestinations",
        ),
    },
    "alertmanager": {"implementation", "handleGrafanaManagedAlerts"},
}
PROVIDER_KEYS = {
    *("name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds"),
    *("allowUiUpdates", "options"),
}
OPTION_KEYS = {"path", "foldersFromFilesStructure"}


def unknown_keys(sources, dashboards):
    """Every key that Grafana would ignore."""
    yield from sources.keys() - {"apiVersion", "datasources", "deleteDatasources", "prune"}
    for source in sources["datasources"]:
        yield from source.keys() - SOURCE_KEYS
        yield from source.get("jsonData", {}).keys() - JSON_KEYS[source["type"]]
    yield from dashboards.keys() - {"apiVersion", "providers"}
    for provider in dashboards["providers"]:
        yield from provider.keys() - PROVIDER_KEYS
        yield from provider["options"].keys() - OPTION_KEYS


def test_only_documented_keys_are_used():
    assert SOURCES["apiVersion"] == DASHBOARDS["apiVersion"] == 1
    assert list(unknown_keys(SOURCES, DASHBOARDS)) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda s, d: s["datasources"][0].update(jsonDate={}), "jsonDate"),
        (lambda s, d: s["datasources"][1]["jsonData"].update(httpMethod="POST"), "httpMethod"),
        (lambda s, d: d["providers"][0].update(editable=False), "editable"),
        (lambda s, d: d["providers"][0]["options"].update(folder="x"), "folder"),
    ],
)
def test_a_key_that_grafana_does_not_know_is_found_out(change, key):
    sources, dashboards = copy.deepcopy(SOURCES), copy.deepcopy(DASHBOARDS)
    change(sources, dashboards)
    assert list(unknown_keys(sources, dashboards)) == [key]


def test_both_sources_are_the_stacks_own_and_cannot_be_edited():
    by_type = {source["type"]: source for source in SOURCES["datasources"]}
    assert set(by_type) == {"prometheus", "alertmanager"}
    for kind, source in by_type.items():
        host, _, port = source["url"].removeprefix("http://").partition(":")
        assert COMPOSE["services"][host]["ports"][0].endswith(f":{port}")
        assert (source["editable"], source["access"], source["uid"]) == (False, "proxy", kind)
    assert by_type["prometheus"]["isDefault"] is True
    # $__rate_interval and the tests' idea of it are made of the same interval.
    assert by_type["prometheus"]["jsonData"]["timeInterval"] == f"{SCRAPE_SECONDS}s"
    assert (
        yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())["global"]["scrape_interval"] == "1s"
    )


def test_dashboards_lie_where_the_provider_and_the_home_page_look_for_them():
    (provider,) = DASHBOARDS["providers"]
    assert (provider["allowUiUpdates"], provider["disableDeletion"], provider["type"]) == (
        False,
        True,
        "file",
    )
    assert provider["folder"] == "Swarmscope"
    assert MOUNTS[provider["options"]["path"]] == f"./{FOLDER}"
    for part in ("datasources", "dashboards"):
        assert MOUNTS[f"/etc/grafana/provisioning/{part}"] == f"./grafana/provisioning/{part}"
    home = PurePosixPath(GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert f"{FOLDER}/{home.name}" in dashboard_files()


def test_everything_in_the_dashboards_folder_is_generated():
    shipped = {f"{FOLDER}/{path.name}": path.read_text() for path in (ROOT / FOLDER).iterdir()}
    assert shipped == dashboard_files()
