import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.grafana.dashboard import FILE, as_json
from infra.grafana.reading import Target, filled_in, read
from tests.commands import dashboard
from tests.pictures.drawing import SHOWN

INFRA = Path(__file__).parents[2] / "infra"
BOARD = read(FILE)
ALERTS = {
    rule["alert"]: str(rule["expr"])
    for file in (INFRA / "prometheus").glob("*.rules.yml")
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def linked_alerts(links: tuple[str, ...]) -> set[str]:
    anchors = {name.lower(): name for name in ALERTS}
    return {anchors[link.partition("#")[2]] for link in links}


def as_stored() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content


def test_the_file_is_what_the_code_generates() -> None:
    assert FILE.read_text() == as_json(), "run ./scripts/dashboard write"


def test_every_panel_says_what_it_shows() -> None:
    assert len({panel.title for panel in BOARD.panels}) == len(BOARD.panels) >= 11
    for panel in BOARD.panels:
        assert panel.description.endswith(".")
        assert panel.unit
        assert panel.targets
        assert all(target.legend for target in panel.targets)


def test_every_query_asks_the_chosen_data_source() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in as_stored()["panels"]:
        if panel["type"] != "row":
            assert [one["datasource"] for one in (panel, *panel["targets"])] == [chosen] * (1 + len(panel["targets"]))


def test_hotels_and_partitions_can_be_chosen() -> None:
    variables = {one["name"]: one for one in as_stored()["templating"]["list"]}
    for name in ("hotel", "partition"):
        assert variables[name]["multi"]
        assert variables[name]["includeAll"]
        assert any(f"${name}" in target.expr for panel in BOARD.panels for target in panel.targets)
    used = {
        name for panel in BOARD.panels for target in panel.targets for name in re.findall(r"\$\{?(\w+)", target.expr)
    }
    assert used - {"__rate_interval"} <= variables.keys()


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in as_stored()["panels"]
        for place in (panel["gridPos"],)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_alert_is_one_click_from_a_panel_that_shows_it() -> None:
    assert set().union(*(linked_alerts(panel.links) for panel in BOARD.panels)) == set(ALERTS)


def test_lines_are_drawn_where_alerts_fire() -> None:
    lines = [(panel, value) for panel in BOARD.panels if panel.kind == "timeseries" for value, _ in panel.steps[1:]]
    assert lines
    for panel, value in lines:
        exprs = [ALERTS[name] for name in linked_alerts(panel.links)]
        assert any(re.search(rf"[<>] {value:g}\b", expr) for expr in exprs), panel.title


@pytest.mark.parametrize(
    ("values", "text"),
    [(["lisbon"], "lisbon"), (["a", "b"], "(a|b)"), (["st. john"], r"st\\. john"), (["a+b", "c"], r"(a\\+b|c)")],
)
def test_chosen_values_become_regular_expressions(values: list[str], text: str) -> None:
    expr = filled_in('x{hotel=~"$hotel"}', {"hotel": values}, step=15, scrape_interval=15)
    assert expr == f'x{{hotel=~"{text}"}}'


@pytest.mark.parametrize(("step", "scrape_interval", "window"), [(1, 15, "60000ms"), (120, 15, "135000ms")])
def test_rates_look_back_over_enough_samples(step: float, scrape_interval: float, window: str) -> None:
    assert (
        filled_in("rate(x[$__rate_interval])", {}, step=step, scrape_interval=scrape_interval) == f"rate(x[{window}])"
    )


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as error:
        dashboard.main(["picture", "--out", str(tmp_path / "nowhere" / "dashboard.png")])
    assert error.value.code == 2


def test_a_legend_has_its_series_labels() -> None:
    assert Target("x", "{{topic}} {{partition}}").label({"topic": "audio.raw", "partition": "3"}) == "audio.raw 3"


def test_what_is_provisioned_is_what_the_documented_command_mounts() -> None:
    command = (INFRA.parent / "docs" / "DASHBOARD.md").read_text()
    mounts = dict(re.findall(r'-v "\$PWD/([\w/]+):([\w/]+):ro"', command))
    provisioning = INFRA / "grafana" / "provisioning"
    providers = yaml.safe_load((provisioning / "dashboards" / "hotel-audio.yml").read_text())["providers"]
    assert mounts == {
        str(provisioning.relative_to(INFRA.parent)): "/etc/grafana/provisioning",
        str(FILE.parent.relative_to(INFRA.parent)): providers[0]["options"]["path"],
    }
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    for variable in (source["url"], source["jsonData"]["timeInterval"]):
        assert f"-e {variable.removeprefix('$')}" in command


def test_the_picture_shows_graphs_that_exist() -> None:
    assert set(SHOWN) <= {panel.title for panel in BOARD.panels if panel.kind != "stat"}
